"use client";
/** List of servers. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { ReadyLabel } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function ServerListPage() {
  const list = useListState({ sorts: ["name", "kind", "createdAt"], standard: "name", choices: { kind: ["management", "site"], siteId: "text", gatewayId: "text" } });
  const query = useQuery(useTRPC().server.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.servers.create} look="primary" icon={Plus}>
      Create server
    </LinkButton>
  );
  return (
    <ListPage
      title="Servers"
      purpose="What agents reach inside: management servers that hold policy and inventory, and site servers."
      noun={["server", "servers"]}
      action={create}
      list={list}
      query={query}
      rowId={(server) => server.id}
      rowName={(server) => server.name}
      rowHref={(server) => routes.servers.detail(server.id)}
      filters={[{ name: "kind", label: "Kind", options: [{ value: "management", label: "Management" }, { value: "site", label: "Site server" }] }]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (server) => server.name },
        { key: "state", title: "State", cell: (server) => <ReadyLabel readiness={server.readiness} /> },
        { key: "kind", title: "Kind", sort: "kind", cell: (server) => <Tag>{server.isAgentSite ? "agent site" : server.kind === "management" ? "management" : "site server"}</Tag> },
        { key: "names", title: "Reached as", cell: (server) => <span className="font-mono text-[12px]">{server.names[0]}:{server.ports[0]}{server.names.length > 1 && ` and ${server.names.length - 1} more`}</span> },
        { key: "sites", title: "Sites", isNumber: true, cell: (server) => server.siteCount },
        { key: "gateways", title: "Gateways", isNumber: true, cell: (server) => server.gatewayCount },
        { key: "checked", title: "Checked", isWideOnly: true, cell: (server) => <Time at={server.readiness.checkedAt} /> },
      ]}
      empty={{ title: "No servers", why: "A server is what a gateway forwards to. Add the management server that your agents report to, then assign it to a gateway.", action: create, docs: docs.servers }}
    />
  );
}
