"use client";
/** List of relays. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { State } from "@/app/_ui/state.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { RelayStateLabel } from "../../_shared/reach-words.tsx";
import { counted } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";

type RelayRow = Outputs["relay"]["list"]["rows"][number];

export function RelayListPage() {
  const list = useListState({ sorts: ["name", "createdAt"], standard: "name" });
  const query = useQuery(useTRPC().relay.list.queryOptions(list.input, { placeholderData: keepPreviousData, refetchInterval: 15_000 }));
  const create = useMay("administer") && (
    <LinkButton href={routes.relays.create} look="primary" icon={Plus}>
      Create relay
    </LinkButton>
  );
  return (
    <ListPage
      title="Relays"
      purpose="Stand in networks that nobody can reach from outside, and carry the connections of the agents there to a gateway."
      noun={["relay", "relays"]}
      action={create}
      list={list}
      query={query}
      rowId={(relay) => relay.id}
      rowName={(relay) => relay.name}
      rowHref={(relay) => routes.relays.detail(relay.id)}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (relay) => <>{relay.name} <span className="font-normal text-ink-3">no. {relay.number}</span></> },
        { key: "state", title: "State", cell: (relay) => <span className="inline-flex flex-wrap gap-x-3"><RelayStateLabel state={relay.state} />{relay.warnings > 0 && <State tone="warn">{counted(relay.warnings, "warning")}</State>}</span> },
        { key: "path", title: "Path", cell: (relay) => <RelayPath relay={relay} /> },
        { key: "agents", title: "Agents", isNumber: true, cell: (relay) => relay.agents.toLocaleString("en") },
        { key: "load", title: "Load", isNumber: true, cell: (relay) => (relay.state === "connected" ? <span className="whitespace-nowrap">{counted(relay.connections, "connection")}, {bytes(relay.bytesPerSecond)}/s</span> : <span className="text-ink-3">none</span>) },
        { key: "site", title: "Site", cell: (relay) => relay.site?.name ?? <span className="text-ink-3">none</span> },
        { key: "nodes", title: "Nodes", isNumber: true, isWideOnly: true, cell: (relay) => relay.nodes },
        { key: "version", title: "Version", cell: (relay) => relay.softwareVersion ?? <span className="text-ink-3">unknown</span> },
        { key: "id", title: "Relay id", isWideOnly: true, cell: (relay) => <code className="font-mono text-[12px] whitespace-nowrap" title={relay.relayKey}>{relay.relayKey.slice(0, 8)}…</code> },
      ]}
      empty={{ title: "No relays", why: "Agents that can call out need none. A relay is for networks without a route out: it needs one outbound rule, or one inbound rule where the gateway has to dial in.", action: create, docs: docs.relays }}
    />
  );
}

/** "gw-berlin, through hub": gateway first, then the relays between. */
export function RelayPath({ relay }: { relay: Pick<RelayRow, "gateways" | "path" | "direction"> }) {
  const gateways = relay.gateways.map((gateway) => gateway.name);
  return (
    <span>
      {gateways.length === 0 ? <span className="text-ink-3">no gateway</span> : gateways.slice(0, 2).join(", ")}
      {gateways.length > 2 && ` and ${gateways.length - 2} more`}
      {relay.path.length > 0 && `, through ${relay.path.map((hop) => hop.name).join(", ")}`}
      {relay.direction === "gateway-dials" && <span className="text-ink-3"> (dials in)</span>}
    </span>
  );
}
