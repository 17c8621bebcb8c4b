"use client";
/** A relay's nodes as gateways see them: sessions, load, and what could not be reached behind it. */
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { ShortFingerprint } from "@/app/_ui/copy.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { State, type Tone } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { endpoint } from "../../_shared/service-words.tsx";
import type { Relay } from "./relay-detail-page.tsx";

type Session = Relay["sessions"][number];
const tone = { connected: "ok", waiting: "working", failed: "fault", ended: "idle" } as const satisfies Record<Session["state"], Tone>;
const word = { connected: "Connected", waiting: "To be confirmed", failed: "No session", ended: "Ended" } as const satisfies Record<Session["state"], string>;

export function RelayNodes({ relay }: { relay: Relay }) {
  if (relay.sessions.length === 0) return null;
  return (
    <Section title="Nodes" hint="Several processes may share one relay id behind a balancer; each holds its own session. Figures are since the session began." isFlush>
      <Table
        caption="Nodes"
        rows={relay.sessions}
        rowId={(session) => `${session.gateway.id} ${session.node ?? "none"} ${session.since}`}
        rowName={(session) => session.hostname || session.gateway.name}
        columns={[
          { key: "node", title: "Node", cell: (session) => <NodeName session={session} /> },
          { key: "state", title: "State", cell: (session) => <NodeState session={session} /> },
          { key: "gateway", title: "At", cell: (session) => <Link className="hover:underline" href={routes.gateways.detail(session.gateway.id)}>{session.gateway.name}</Link> },
          { key: "since", title: "Since", cell: (session) => <Time at={session.since} /> },
          { key: "connections", title: "Connections", isNumber: true, cell: (session) => session.connections },
          { key: "bytes", title: "Up, down", isNumber: true, cell: (session) => <span className="whitespace-nowrap">{bytes(session.bytesUp)}, {bytes(session.bytesDown)}</span> },
          { key: "refused", title: "Refused", isNumber: true, isWideOnly: true, cell: (session) => session.refused },
          { key: "version", title: "Version", isWideOnly: true, cell: (session) => session.version },
        ]}
      />
    </Section>
  );
}

function NodeName({ session }: { session: Session }) {
  return (
    <span>
      {session.hostname || "not known"} <code className="font-mono text-[12px] font-normal text-ink-3">{session.source}</code>
    </span>
  );
}

function NodeState({ session }: { session: Session }) {
  return (
    <span className="flex flex-col">
      <State tone={tone[session.state]}>{word[session.state]}</State>
      {session.detail && session.state !== "connected" && <span className="text-ink-2">{session.detail}</span>}
      {session.state === "waiting" && session.fingerprint && <ShortFingerprint hex={session.fingerprint} />}
    </span>
  );
}

/** Listening agents that no node could dial (X4-01). */
export function Unreachable({ relay }: { relay: Relay }) {
  const rows = relay.sessions.flatMap((session) => session.unreachable.map((target) => ({ ...target, at: session.hostname || session.gateway.name })));
  if (rows.length === 0) return null;
  return (
    <Section title="Listening agents that do not answer" isFlush>
      <Table
        caption="Listening agents that do not answer"
        rows={rows}
        rowId={(row) => `${row.host} ${row.port} ${row.at}`}
        rowName={(row) => endpoint(row.host, row.port)}
        columns={[
          { key: "address", title: "Address", cell: (row) => <code className="font-mono text-[12px]">{endpoint(row.host, row.port)}</code> },
          { key: "detail", title: "What happened", cell: (row) => <State tone="fault"><span className="whitespace-normal">{row.detail}</span></State> },
          { key: "at", title: "Dialled by", cell: (row) => row.at },
        ]}
      />
    </Section>
  );
}
