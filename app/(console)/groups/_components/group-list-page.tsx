"use client";
/** List of agent groups. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { useMay } from "../../_shell/use-person.ts";

export function GroupListPage() {
  const list = useListState({ sorts: ["name", "kind", "agentCount", "createdAt"], standard: "name" });
  const query = useQuery(useTRPC().agentGroup.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.groups.create} look="primary" icon={Plus}>
      Create group
    </LinkButton>
  );
  return (
    <ListPage
      title="Groups"
      purpose="What policies target: agents chosen one by one, or by a rule over what they report."
      noun={["group", "groups"]}
      action={create}
      list={list}
      query={query}
      rowId={(group) => group.id}
      rowName={(group) => group.name}
      rowHref={(group) => routes.groups.detail(group.id)}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (group) => group.name },
        { key: "kind", title: "Kind", sort: "kind", cell: (group) => <Tag>{group.kind === "dynamic" ? "by rule" : "static"}</Tag> },
        { key: "agents", title: "Agents", sort: "agentCount", isNumber: true, cell: (group) => group.agentCount },
        { key: "policies", title: "Policies", isNumber: true, cell: (group) => (group.policyCount === 0 ? <span className="text-warn">none</span> : group.policyCount) },
        { key: "createdAt", title: "Created", sort: "createdAt", isWideOnly: true, cell: (group) => <Time at={group.createdAt} /> },
      ]}
      empty={{ title: "No groups", why: "A group gathers agents that are treated alike. Policies and offline bundles are made for groups.", action: create, docs: docs.groups }}
    />
  );
}
