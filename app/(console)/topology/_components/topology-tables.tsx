"use client";
/** The facts of the picture as tables, for whoever reads rather than looks. */
import { useState } from "react";
import type { TopologyView } from "@/contract/relay-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { Button } from "@/app/_ui/button.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { RelayStateLabel } from "../../_shared/reach-words.tsx";
import { GatewayStateLabel } from "../../_shared/states.tsx";
import { agentTones, rateText } from "./topology-model.ts";

const step = 50;

export function TopologyTables({ view }: { view: TopologyView }) {
  const nameOf = (list: readonly { id: string; name: string }[], id: string | null) => list.find((entry) => entry.id === id)?.name ?? "unknown";
  const endName = (end: { kind: "relay" | "gateway" | "server"; id: string }) => `${end.kind} ${nameOf(end.kind === "relay" ? view.relays : end.kind === "gateway" ? view.gateways : view.servers, end.id)}`;
  const agentRows = view.agents.map((entry, index) => ({ ...entry, index, total: Object.values(entry.counts).reduce((sum, count) => sum + count, 0) })).filter((entry) => entry.total > 0);
  return (
    <div className="flex flex-col gap-4">
      {view.cuts.length > 0 && (
        <Rows title="What is cut" rows={view.cuts.map((cut, index) => ({ ...cut, index }))} id={(cut) => String(cut.index)} name={(cut) => cut.reason} columns={[
          { key: "between", title: "Between", cell: (cut) => <span className="font-medium">{endName(cut.from)} and {endName(cut.to)}</span> },
          { key: "reason", title: "Why", cell: (cut) => <State tone="fault"><span className="whitespace-normal">{cut.reason}</span></State> },
        ]} />
      )}
      <Rows title="Gateways" rows={view.gateways} id={(gateway) => gateway.id} name={(gateway) => gateway.name} href={(gateway) => routes.gateways.detail(gateway.id)} columns={[
        { key: "name", title: "Gateway", cell: (gateway) => gateway.name },
        { key: "state", title: "State", cell: (gateway) => <GatewayStateLabel state={gateway.state} /> },
        { key: "tunnels", title: "Tunnels", isNumber: true, cell: (gateway) => gateway.tunnels },
        { key: "channels", title: "Channels", isNumber: true, cell: (gateway) => gateway.channels },
        { key: "rate", title: "Rate", cell: (gateway) => rateText(gateway.bytesUpPerSecond, gateway.bytesDownPerSecond) || "none" },
        { key: "servers", title: "Forwards to", cell: (gateway) => <Names names={gateway.serverIds.map((id) => nameOf(view.servers, id))} none="no server" /> },
      ]} />
      <Rows title="Relays" rows={view.relays} id={(relay) => relay.id} name={(relay) => relay.name} href={(relay) => routes.relays.detail(relay.id)} columns={[
        { key: "name", title: "Relay", cell: (relay) => relay.name },
        { key: "state", title: "State", cell: (relay) => <RelayStateLabel state={relay.state} /> },
        { key: "agents", title: "Agents", isNumber: true, cell: (relay) => relay.agents },
        { key: "rate", title: "Rate", cell: (relay) => rateText(relay.bytesUpPerSecond, relay.bytesDownPerSecond) || "none" },
        { key: "up", title: "Through", cell: (relay) => (relay.upstreamRelayId === null ? <Names names={relay.gatewayIds.map((id) => nameOf(view.gateways, id))} none="no gateway" /> : `relay ${nameOf(view.relays, relay.upstreamRelayId)}`) },
        { key: "site", title: "Site", cell: (relay) => (relay.siteId === null ? <span className="text-ink-3">none</span> : nameOf(view.sites, relay.siteId)) },
      ]} />
      <Rows title="Servers" rows={view.servers} id={(server) => server.id} name={(server) => server.name} href={(server) => routes.servers.detail(server.id)} columns={[
        { key: "name", title: "Server", cell: (server) => server.name },
        { key: "state", title: "State", cell: (server) => (server.isReady ? <State tone="ok">Ready</State> : <State tone="warn">Not ready</State>) },
        { key: "sites", title: "Sites", cell: (server) => <Names names={server.siteIds.map((id) => nameOf(view.sites, id))} none="none" /> },
      ]} />
      <Rows title="Agents" rows={agentRows} id={(entry) => String(entry.index)} name={(entry) => String(entry.index)} columns={[
        { key: "where", title: "Come in", cell: (entry) => <span className="font-medium">{entry.relayId !== null ? `through relay ${nameOf(view.relays, entry.relayId)}` : entry.gatewayId !== null ? `at gateway ${nameOf(view.gateways, entry.gatewayId)}` : "on the LAN, or not at all"}</span> },
        { key: "total", title: "Agents", isNumber: true, cell: (entry) => entry.total },
        { key: "states", title: "States", cell: (entry) => <span className="inline-flex flex-wrap gap-x-4">{Object.entries(entry.counts).filter(([, count]) => count > 0).map(([state, count]) => <State key={state} tone={agentTones[state as keyof typeof agentTones]}>{count} {state}</State>)}</span> },
      ]} />
    </div>
  );
}

function Names({ names, none }: { names: string[]; none: string }) {
  if (names.length === 0) return <span className="text-ink-3">{none}</span>;
  return (
    <>
      {names.slice(0, 3).join(", ")}
      {names.length > 3 && ` and ${names.length - 3} more`}
    </>
  );
}

function Rows<R>({ title, rows, id, name, href, columns }: { title: string; rows: readonly R[]; id: (row: R) => string; name: (row: R) => string; href?: (row: R) => string; columns: Parameters<typeof Table<R>>[0]["columns"] }) {
  const [shown, setShown] = useState(step);
  return (
    <Section title={title} isFlush>
      {rows.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">None.</p>
      ) : (
        <Table caption={title} rows={rows.slice(0, shown)} rowId={id} rowName={name} rowHref={href} columns={columns} />
      )}
      {rows.length > shown && (
        <p className="border-t border-line px-4 py-2">
          <Button size="small" onClick={() => setShown(shown + 200)}>
            Show {Math.min(200, rows.length - shown)} more of {rows.length}
          </Button>
        </p>
      )}
    </Section>
  );
}
