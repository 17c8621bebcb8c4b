"use client";
/** What the planner says of a service as it stands in the form: consequence, shares, name warnings, and findings that belong to no one field. */
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Finding } from "@/contract/finding.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { FindingList, severityTone } from "../../_shared/findings.tsx";
import { counted, percent } from "../../_shared/service-words.tsx";
import type { ServiceDraft } from "./service-draft.ts";
import type { Plan, PlanView } from "./use-service-plan.ts";

export function PlanPanel({ view, unplaced, members, draft }: { view: PlanView; unplaced: Finding[]; members: { name: string; host: string; port: number }[]; draft: ServiceDraft }) {
  const { plan } = view;
  return (
    <div className="flex flex-col gap-4">
      <Section title="As it would be" hint={view.isStale ? "Planning the newest values" : view.isIncomplete ? "Planned once every field fits." : "Planned from the values in the form."}>
        {view.error !== null && <ActionError error={view.error} />}
        {plan && (
          <div className="flex flex-col gap-4">
            <p className="text-[14px]">{plan.sentence}</p>
            <Counts findings={plan.findings} />
            {unplaced.length > 0 && <FindingList findings={unplaced} isNamed />}
            {plan.shares.length > 0 && <Shares shares={plan.shares} />}
          </div>
        )}
        {!plan && view.error === null && <p className="text-[13px] text-ink-3">Choose what is behind it and name the service; the plan appears here.</p>}
      </Section>
      {plan && plan.verdicts.length > 0 && <Verdicts verdicts={plan.verdicts} />}
      {members.length > 0 && draft.values.mode !== "tcp" && draft.values.mode !== "tls-offload" && <MemberCertificates members={members} serverName={draft.values.stampName ?? null} />}
    </div>
  );
}

function Counts({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return <p className="text-[13px]"><State tone="ok">Nothing found</State></p>;
  const count = (severity: Finding["severity"]) => findings.filter((finding) => finding.severity === severity).length;
  return (
    <p className="flex flex-wrap gap-x-4 gap-y-1 text-[13px]">
      {(["error", "warning", "note"] as const).filter((severity) => count(severity) > 0).map((severity) => <State key={severity} tone={severityTone[severity]}>{counted(count(severity), severity)}</State>)}
      <span className="text-ink-3">each at its field</span>
    </p>
  );
}

/** Shares as bars of one ink, with the number beside each. */
export function Shares({ shares }: { shares: readonly { name: string; share: number }[] }) {
  return (
    <div className="max-h-64 overflow-y-auto" role="region" aria-label="Expected shares" tabIndex={0}>
      <table className="tabular w-full text-left text-[13px]">
        <caption className="pb-1 text-left font-medium">Expected share of new sessions</caption>
        <tbody>
          {shares.map((entry, index) => (
            <tr key={`${entry.name}-${index}`}>
              <th scope="row" className="max-w-0 truncate py-0.5 pr-2 font-normal" title={entry.name}>{entry.name}</th>
              <td className="w-20 py-0.5"><span aria-hidden="true" className="block h-1.5 rounded-full bg-sunken"><span className="block h-full rounded-full bg-ink-3" style={{ width: `${Math.max(entry.share * 100, entry.share > 0 ? 2 : 0)}%` }} /></span></td>
              <td className="w-14 py-0.5 text-right">{percent(entry.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type Verdict = Plan["verdicts"][number];

/** Who would see a name warning, and what cures it: the ones that would, first; members of which the same is true stand together. */
export function Verdicts({ verdicts }: { verdicts: Verdict[] }) {
  const alike = Map.groupBy(verdicts, (verdict) => JSON.stringify([verdict.name, verdict.isCovered, verdict.sentence.replaceAll(verdict.member, "")]));
  const groups = [...alike.values()].toSorted((a, b) => Number(a[0]?.isCovered ?? true) - Number(b[0]?.isCovered ?? true));
  const warned = verdicts.filter((verdict) => !verdict.isCovered).length;
  return (
    <Section title="Who would see a name warning" hint={warned === 0 ? "Nobody: every certificate that clients see carries the name they use." : `${warned} of ${counted(verdicts.length, "case")}, by name and member.`}>
      <div className="max-h-96 overflow-y-auto" role="region" aria-label="Name warnings" tabIndex={0}>
        <ul className="divide-y divide-line">
          {groups.map((group) => <VerdictRow key={`${group[0]?.name} ${group[0]?.member}`} group={group} />)}
        </ul>
      </div>
    </Section>
  );
}

function VerdictRow({ group }: { group: Verdict[] }) {
  const [first] = group;
  if (!first) return null;
  const names = group.map((verdict) => verdict.member);
  return (
    <li className="flex flex-col gap-0.5 py-2 text-[13px] first:pt-0">
      <p className="flex flex-wrap items-center gap-x-2">
        {first.isCovered ? <State tone="ok">Fits</State> : <State tone="warn">Warning</State>}
        <code className="font-mono text-[12px] wrap-anywhere">{first.name}</code>
      </p>
      <p className="text-ink-3" title={names.join("\n")}>{names.slice(0, 3).join(", ")}{names.length > 3 && ` and ${names.length - 3} more`}</p>
      <p className="break-words text-ink-2">{first.sentence}</p>
      {first.cures.length > 0 && <ul className="list-disc pl-5 text-ink-2">{first.cures.map((cure) => <li key={cure.sentence}>{cure.sentence}</li>)}</ul>}
    </li>
  );
}

/** What members present now, looked at from the console, on request. */
function MemberCertificates({ members, serverName }: { members: { name: string; host: string; port: number }[]; serverName: string | null }): ReactNode {
  const look = useMutation(useTRPC().virtualService.memberCertificates.mutationOptions());
  return (
    <Section title="What members present now" hint="Looked at from the console, which may see them another way than a gateway does.">
      <div className="flex flex-col gap-3">
        <div>
          <Button size="small" isBusy={look.isPending} onClick={() => look.mutate({ members: members.slice(0, 50).map(({ name, host, port }) => ({ name: name === "" ? host : name, host, port })), serverName })}>
            Look at their certificates
          </Button>
        </div>
        <ActionError error={look.error} />
        {look.data && (
          <div className="max-h-96 overflow-y-auto" role="region" aria-label="Certificates of members" tabIndex={0}>
          <ul className="divide-y divide-line">
            {look.data.map((certificate, index) => (
              <li key={`${certificate.name}-${index}`} className="flex flex-col gap-0.5 py-2 text-[13px] first:pt-0">
                <p className="font-medium">{certificate.name}</p>
                {certificate.fingerprint !== "" && (
                  <p className="break-words text-ink-2">
                    {certificate.names.length === 0 ? certificate.subject : certificate.names.join(", ")}, from {certificate.issuer}, valid until <Time at={certificate.notAfter} />
                  </p>
                )}
                {certificate.problem === null ? <State tone="ok">Verified</State> : <Notice tone="warn" title={certificate.problem} />}
              </li>
            ))}
          </ul>
          </div>
        )}
      </div>
    </Section>
  );
}
