"use client";
/** List of gateways. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { gatewayState } from "@/contract/states.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ShortFingerprint } from "@/app/_ui/copy.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { GatewayStateLabel, gatewayWord } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function GatewayListPage() {
  const list = useListState({ sorts: ["name", "state", "lastSeenAt", "createdAt"], standard: "name", choices: { state: gatewayState.options } });
  const query = useQuery(useTRPC().gateway.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.gateways.create} look="primary" icon={Plus}>
      Create gateway
    </LinkButton>
  );
  return (
    <ListPage
      title="Gateways"
      purpose="The guarded doors in the DMZ: each carries inner TLS sessions from agents to the servers assigned to it, and cannot read them."
      noun={["gateway", "gateways"]}
      action={create}
      list={list}
      query={query}
      rowId={(gateway) => gateway.id}
      rowName={(gateway) => gateway.name}
      rowHref={(gateway) => routes.gateways.detail(gateway.id)}
      filters={[{ name: "state", label: "State", options: gatewayState.options.map((state) => ({ value: state, label: gatewayWord[state] })) }]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (gateway) => gateway.name },
        { key: "state", title: "State", sort: "state", cell: (gateway) => <GatewayStateLabel state={gateway.state} /> },
        { key: "seen", title: "Last seen", sort: "lastSeenAt", cell: (gateway) => <Time at={gateway.lastSeenAt} /> },
        { key: "tunnels", title: "Tunnels", isNumber: true, cell: (gateway) => gateway.tunnels },
        { key: "public", title: "Public name", cell: (gateway) => (gateway.publicNames[0] ? <span className="font-mono text-[12px]">{gateway.publicNames[0]}:{gateway.publicPort}</span> : <span className="text-ink-3">none</span>) },
        { key: "fingerprint", title: "Fingerprint", isWideOnly: true, cell: (gateway) => (gateway.fingerprint ? <ShortFingerprint hex={gateway.fingerprint} /> : <span className="text-ink-3">not yet</span>) },
        { key: "servers", title: "Servers", isNumber: true, cell: (gateway) => gateway.serverCount },
        { key: "policies", title: "Policies", isNumber: true, cell: (gateway) => gateway.policyCount },
        { key: "revision", title: "Revision", isNumber: true, isWideOnly: true, cell: (gateway) => (gateway.appliedRevision === gateway.revision ? gateway.revision : <span className="text-warn">{gateway.appliedRevision} of {gateway.revision}</span>) },
      ]}
      empty={{ title: "No gateways", why: "A gateway lets agents outside reach servers inside, without a VPN and without exposing a server. Create one, download its package and start it in the DMZ.", action: create, docs: docs.gateways }}
    />
  );
}
