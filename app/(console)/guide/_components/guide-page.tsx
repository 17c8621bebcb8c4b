"use client";
/** The first run: seven steps, each checked for real before it turns green; can be left and resumed. */
import { ArrowClockwise, CheckCircle, Circle, LockSimple, WarningOctagon } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { guideSteps, type GuideStepId } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { stepTexts } from "./step-texts.ts";
import { StepWork } from "./step-work.tsx";

type Step = Outputs["guide"]["view"]["steps"][number];

export function GuidePage() {
  useTitle("First run");
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const guide = useQuery(trpc.guide.view.queryOptions(undefined, { refetchInterval: 15_000 }));
  const dismiss = useMutation(
    trpc.guide.dismiss.mutationOptions({
      onSuccess: async () => {
        await client.invalidateQueries(trpc.guide.pathFilter());
        router.push(routes.overview);
      },
    }),
  );
  const mayDismiss = useMay("administer");
  return (
    <>
      <PageHeader
        title="First run"
        purpose="From an empty console to an agent outside that reaches a server inside. Leave at any time and come back; everything made here can be changed later."
        actions={
          <>
            <LinkButton href={routes.overview}>Continue later</LinkButton>
            {mayDismiss && guide.data && !guide.data.isDismissed && (
              <Button look="quiet" isBusy={dismiss.isPending} onClick={() => dismiss.mutate()}>
                {guide.data.isFinished ? "Close the guide" : "Do not show again"}
              </Button>
            )}
          </>
        }
      />
      <Loaded query={guide}>{(data) => <Guide steps={data.steps} isFinished={data.isFinished} />}</Loaded>
    </>
  );
}

function Guide({ steps, isFinished }: { steps: Step[]; isFinished: boolean }) {
  const next = steps.find((step) => step.state !== "verified")?.id ?? "verify";
  const [chosen, choose] = useQueryState("step", parseAsStringLiteral(guideSteps));
  const open = chosen ?? next;
  const done = steps.filter((step) => step.state === "verified").length;
  return (
    <div className="flex flex-col gap-4">
      {isFinished && (
        <Notice tone="ok" title="All seven steps are verified: an agent outside reaches its server through the gateway." action={<LinkButton href={routes.agents.list} size="small">Go to agents</LinkButton>} />
      )}
      <p role="status" className="tabular text-[13px] text-ink-2">
        {done} of {steps.length} steps verified
      </p>
      <ol className="flex flex-col gap-2">
        {steps.map((step, index) => (
          <StepCard key={step.id} step={step} number={index + 1} isOpen={step.id === open} onOpen={() => void choose(step.id)} onNext={() => void choose(steps[index + 1]?.id ?? step.id)} isLast={index === steps.length - 1} />
        ))}
      </ol>
    </div>
  );
}

const look = {
  blocked: { icon: LockSimple, tone: "text-ink-3", word: "Waits for an earlier step" },
  open: { icon: Circle, tone: "text-accent", word: "To do" },
  failed: { icon: WarningOctagon, tone: "text-fault", word: "Check failed" },
  verified: { icon: CheckCircle, tone: "text-ok", word: "Verified" },
} as const satisfies Record<Step["state"], unknown>;

function StepCard({ step, number, isOpen, onOpen, onNext, isLast }: { step: Step; number: number; isOpen: boolean; onOpen: () => void; onNext: () => void; isLast: boolean }) {
  const { icon: Glyph, tone, word } = look[step.state];
  const text = stepTexts[step.id];
  const panel = `step-${step.id}`;
  return (
    <li className={cx("rounded-lg border bg-surface", isOpen ? "border-line-strong" : "border-line")}>
      <h2>
        <button type="button" aria-expanded={isOpen} aria-controls={panel} onClick={onOpen} className="flex w-full flex-wrap items-center gap-x-3 gap-y-1 rounded-lg px-4 py-3 text-left hover:bg-sunken">
          <Glyph aria-hidden="true" size={22} weight={step.state === "verified" || step.state === "failed" ? "fill" : "regular"} className={cx("shrink-0", tone)} />
          <span className="min-w-0 flex-1 text-[15px] font-semibold">
            <span className="tabular text-ink-3">{number}.</span> {text.title}
          </span>
          <span className={cx("text-[13px] font-medium", tone)}>{word}</span>
        </button>
      </h2>
      {isOpen && (
        <div id={panel} className="flex flex-col gap-4 border-t border-line px-4 py-4">
          <p className="max-w-3xl text-ink-2">{text.what}</p>
          <StepFacts step={step} />
          {step.problem && (
            <Notice tone="fault" isAlert title={step.problem}>
              {step.cure}
            </Notice>
          )}
          <StepWork id={step.id} />
          <CheckRow step={step} onNext={onNext} isLast={isLast} />
        </div>
      )}
    </li>
  );
}

function StepFacts({ step }: { step: Step }) {
  if (step.facts.length === 0) return null;
  return (
    <dl className="grid grid-cols-1 gap-x-6 gap-y-1.5 text-[13px] sm:grid-cols-[minmax(10rem,16rem)_minmax(0,1fr)]">
      {step.facts.map((fact) => (
        <div key={fact.label} className="contents">
          <dt className="text-ink-3">{fact.label}</dt>
          <dd className="flex min-w-0 items-start gap-2 break-words">
            <State tone={fact.isGood ? "ok" : "warn"}>
              <span className="whitespace-normal">{fact.value}</span>
            </State>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function CheckRow({ step, onNext, isLast }: { step: Step; onNext: () => void; isLast: boolean }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const mayCheck = useMay("operate");
  const check = useMutation(trpc.guide.check.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.guide.pathFilter()) }));
  return (
    <div className="flex flex-col gap-2 border-t border-line pt-4">
      <div className="flex flex-wrap items-center gap-3">
        {mayCheck && (
          <Button look={step.state === "verified" ? "secondary" : "primary"} icon={ArrowClockwise} isBusy={check.isPending} disabled={step.state === "blocked"} onClick={() => check.mutate({ step: step.id satisfies GuideStepId })}>
            Check now
          </Button>
        )}
        {step.state === "verified" && !isLast && (
          <Button look="primary" onClick={onNext}>
            Go to next step
          </Button>
        )}
        <span className="text-[13px] text-ink-3">
          {step.state === "blocked" ? "Verify the earlier steps first." : <>Checked <Time at={step.checkedAt} /></>}
        </span>
      </div>
      <ActionError error={check.error} />
    </div>
  );
}
