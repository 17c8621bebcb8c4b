"use client";
/** What a gateway reports of itself: reach of its servers, listeners, engines. */
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { Section } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { State, type Tone } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import type { Gateway } from "./gateway-detail-page.tsx";

export function ReachTable({ gateway }: { gateway: Gateway }) {
  const nameOf = (id: string) => gateway.servers.find((server) => server.id === id)?.name ?? id;
  const rows = gateway.status?.servers ?? [];
  return (
    <Section title="Servers as it reaches them" hint="It dials each one on its own." isFlush>
      {rows.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">Nothing reported yet.</p>
      ) : (
        <Table
          caption="Servers as it reaches them"
          rows={rows}
          rowId={(row) => row.serverId}
          rowName={(row) => nameOf(row.serverId)}
          columns={[
            { key: "server", title: "Server", cell: (row) => <Link className="font-medium hover:underline" href={routes.servers.detail(row.serverId)}>{nameOf(row.serverId)}</Link> },
            { key: "state", title: "State", cell: (row) => (row.isReachable ? <State tone="ok">Reached</State> : <State tone="fault">Not reached</State>) },
            { key: "address", title: "Address", cell: (row) => <span className="font-mono text-[12px]">{row.address}</span> },
            { key: "detail", title: "Detail", cell: (row) => row.detail },
            { key: "at", title: "Checked", cell: (row) => <Time at={row.checkedAt} /> },
          ]}
        />
      )}
    </Section>
  );
}

const listenerTone = { new: "working", bound: "working", accepting: "ok", full: "warn", draining: "warn", closed: "fault" } as const satisfies Record<string, Tone>;

export function ListenersTable({ gateway }: { gateway: Gateway }) {
  const reported = new Map(gateway.status?.listeners.map((listener) => [listener.listenerId, listener]));
  return (
    <Section title="Listeners" isFlush>
      <Table
        caption="Listeners"
        rows={gateway.listeners}
        rowId={(row) => row.id}
        rowName={(row) => `${row.address} ${row.port}`}
        columns={[
          { key: "address", title: "Address", cell: (row) => <span className="font-mono text-[12px]">{row.address.includes(":") ? `[${row.address}]` : row.address}:{row.port}</span> },
          { key: "mode", title: "Mode", cell: (row) => (row.mode.kind === "connect" ? "CONNECT" : "one fixed server") },
          { key: "proxy", title: "PROXY protocol from", cell: (row) => (row.acceptProxy.kind === "off" ? <span className="text-ink-3">nobody</span> : <span className="font-mono text-[12px]">{row.acceptProxy.sources.join(", ")}</span>) },
          {
            key: "state",
            title: "State",
            cell: (row) => {
              const status = reported.get(row.id);
              return status ? <State tone={status.problem ? "fault" : listenerTone[status.state]}>{status.problem ?? status.state}</State> : <State tone="idle">not reported</State>;
            },
          },
        ]}
      />
    </Section>
  );
}

const engineTone = { starting: "working", running: "ok", dead: "fault" } as const satisfies Record<string, Tone>;

export function EnginesTable({ gateway }: { gateway: Gateway }) {
  const { status } = gateway;
  if (!status) return null;
  return (
    <Section title="Engines" hint={`${bytes(status.bytesUp)} up, ${bytes(status.bytesDown)} down, ${status.handshakes} handshakes, ${status.refused} refused since its start.`} isFlush>
      <Table
        caption="Engines"
        rows={status.engines}
        rowId={(row) => String(row.index)}
        rowName={(row) => `engine ${row.index}`}
        columns={[
          { key: "index", title: "Engine", cell: (row) => row.index },
          { key: "state", title: "State", cell: (row) => <State tone={engineTone[row.state]}>{row.state}</State> },
          { key: "runtime", title: "Runtime", cell: (row) => row.runtime },
          { key: "tunnels", title: "Tunnels", isNumber: true, cell: (row) => row.tunnels },
          { key: "memory", title: "Memory", isNumber: true, cell: (row) => bytes(row.residentBytes) },
          { key: "restarts", title: "Restarts", isNumber: true, cell: (row) => row.restarts },
          { key: "pid", title: "Process", isNumber: true, isWideOnly: true, cell: (row) => row.pid },
        ]}
      />
    </Section>
  );
}
