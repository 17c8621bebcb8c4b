"use client";
/** Registering a relay: start it, see what answered, compare, confirm (X4-04, X4-05). Also when a further node comes with a certificate of its own. */
import { SealCheck } from "@phosphor-icons/react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { TextField } from "@/app/_ui/fields.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Facts, Section } from "@/app/_ui/page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { useMay } from "../../_shell/use-person.ts";
import type { Relay } from "./relay-detail-page.tsx";
import { SettingsFileText } from "./settings-file.tsx";

type Session = Relay["sessions"][number];

export function RelayRegistration({ relay }: { relay: Relay }) {
  const asking = relay.sessions.filter((session, index, all) => session.fingerprint !== null && !session.isConfirmed && all.findIndex((other) => other.fingerprint === session.fingerprint) === index);
  const isNew = relay.state === "waiting" || relay.state === "answered";
  if (!isNew && asking.length === 0) return null;
  if (!isNew) {
    return (
      <Section title="A certificate to confirm" hint="A node answered with this relay's id and a certificate that nobody confirmed. Nothing passes through it until then.">
        <Answers relay={relay} sessions={asking} />
      </Section>
    );
  }
  return (
    <Section title="Registration" hint="Three steps; nothing passes through the relay before the last one.">
      <ol className="flex flex-col gap-5">
        <Step number={1} title="Start the relay in its network" isDone={asking.length > 0}>
          <SettingsFileText relay={relay} />
        </Step>
        <Step number={2} title={relay.direction === "gateway-dials" ? "A gateway dials it and hears its id" : "It dials a gateway and says its id"} isDone={asking.length > 0}>
          <Heard relay={relay} asking={asking} />
        </Step>
        <Step number={3} title="Compare its fingerprint and confirm" isDone={false}>
          {asking.length === 0 ? <p className="text-[13px] text-ink-3">Once it has answered.</p> : <Answers relay={relay} sessions={asking} />}
        </Step>
      </ol>
    </Section>
  );
}

function Step({ number, title, isDone, children }: { number: number; title: string; isDone: boolean; children: ReactNode }) {
  return (
    <li className="grid grid-cols-[1.75rem_minmax(0,1fr)] gap-x-3">
      <span aria-hidden="true" className={cx("tabular flex size-7 items-center justify-center rounded-full border text-[13px] font-semibold", isDone ? "border-ok text-ok" : "border-line-strong text-ink-2")}>
        {number}
      </span>
      <div className="min-w-0">
        <h3 className="pt-0.5 text-[14px] font-medium">
          {title}
          {isDone && <span className="sr-only"> (done)</span>}
        </h3>
        <div className="mt-2">{children}</div>
      </div>
    </li>
  );
}

/** What came so far: an answer, or why none did. */
function Heard({ relay, asking }: { relay: Relay; asking: Session[] }) {
  const failed = relay.sessions.filter((session) => session.state === "failed" || session.state === "ended");
  if (asking.length > 0) return <p className="text-[13px]"><State tone="ok">It answered with the right id.</State></p>;
  if (failed.length === 0) return <p className="text-[13px] text-ink-3">Nothing yet. This page shows it within two seconds.</p>;
  return (
    <ul className="flex flex-col gap-2 text-[13px]">
      {failed.map((session) => (
        <li key={`${session.gateway.id} ${session.since}`}>
          <State tone="fault"><span className="whitespace-normal">{session.gateway.name}: {session.detail ?? "no answer"}</span></State>
          <p className="text-ink-2">
            {/refused/i.test(session.detail ?? "") ? "The computer answers and nothing listens on the port: start the relay there, or correct the port." : /timed? ?out|no answer|unreachable/i.test(session.detail ?? "") ? "Nothing answers at this address: check the address and the inbound rule of that network." : "Correct this, and the gateway tries again by itself."} Last tried <Time at={session.since} />.
          </p>
        </li>
      ))}
    </ul>
  );
}

function Answers({ relay, sessions }: { relay: Relay; sessions: Session[] }) {
  return (
    <div className="flex flex-col gap-5">
      {sessions.map((session) => (
        <Answer key={session.fingerprint} relay={relay} session={session} />
      ))}
    </div>
  );
}

function Answer({ relay, session }: { relay: Relay; session: Session }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const mayConfirm = useMay("administer");
  const [typed, setTyped] = useState("");
  const fingerprint = session.fingerprint ?? "";
  const wanted = typed.toLowerCase().replace(/[^0-9a-f]/g, "");
  const differs = wanted !== "" && wanted !== fingerprint;
  const accept = useMutation(
    trpc.relay.confirm.mutationOptions({
      onSuccess: () => {
        confirm(`Relay ${relay.name} confirmed: its agents are let through.`);
        void client.invalidateQueries(trpc.relay.pathFilter());
      },
    }),
  );
  return (
    <div className="flex flex-col gap-3">
      <Facts
        items={[
          { label: "Relay id", value: <code className="font-mono text-[12.5px] break-all">{relay.relayKey}</code> },
          { label: "Computer", value: <>{session.hostname || "not known"}, from <code className="font-mono text-[12.5px]">{session.source}</code>, at {session.gateway.name}</> },
          { label: "Relays in between", value: session.relayPath.length === 0 ? "none" : session.relayPath.map((hop) => hop.name).join(", ") },
          { label: "Its fingerprint", value: <Fingerprint hex={fingerprint} name="fingerprint of the relay" compareTo={differs && wanted.length === fingerprint.length ? wanted : null} /> },
        ]}
      />
      {mayConfirm ? (
        <>
          <TextField label="Fingerprint that the relay shows" isMono isOptional hint="It prints it at every start, and so does: sallyport-relay id. Paste it here to have both compared, or compare them by eye." value={typed} onChange={(event) => setTyped(event.target.value)} error={differs ? (wanted.length === fingerprint.length ? "This is another certificate: the differing groups are marked above. Do not confirm; somebody else may know the relay id." : `A fingerprint has ${fingerprint.length} hexadecimal digits; these are ${wanted.length}.`) : undefined} />
          {wanted !== "" && !differs && <Notice tone="ok" title="Both are the same." />}
          <div>
            <Button look="primary" icon={SealCheck} isBusy={accept.isPending} disabled={differs} onClick={() => accept.mutate({ id: relay.id, fingerprint })}>
              Confirm relay
            </Button>
          </div>
          <ActionError error={accept.error} />
        </>
      ) : (
        <p className="text-[13px] text-ink-3">An administrator compares the fingerprint and confirms it.</p>
      )}
    </div>
  );
}
