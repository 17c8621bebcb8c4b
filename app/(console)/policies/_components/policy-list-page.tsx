"use client";
/** List of policies. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { EnabledLabel } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function PolicyListPage() {
  const list = useListState({ sorts: ["name", "isEnabled", "agentCount", "createdAt"], standard: "name", choices: { isEnabled: ["true", "false"] } });
  const { isEnabled, ...input } = list.input;
  const query = useQuery(useTRPC().policy.list.queryOptions({ ...input, ...(isEnabled === undefined ? {} : { isEnabled: isEnabled === "true" }) }, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.policies.create} look="primary" icon={Plus}>
      Create policy
    </LinkButton>
  );
  return (
    <ListPage
      title="Policies"
      purpose="Which gateways the agents of a group use from outside, in which order, and what they accept there."
      noun={["policy", "policies"]}
      action={create}
      list={list}
      query={query}
      rowId={(policy) => policy.id}
      rowName={(policy) => policy.name}
      rowHref={(policy) => routes.policies.detail(policy.id)}
      filters={[{ name: "isEnabled", label: "State", options: [{ value: "true", label: "Enabled" }, { value: "false", label: "Disabled" }] }]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (policy) => policy.name },
        { key: "state", title: "State", sort: "isEnabled", cell: (policy) => <EnabledLabel isEnabled={policy.isEnabled} /> },
        { key: "agents", title: "Agents", sort: "agentCount", isNumber: true, cell: (policy) => policy.agentCount },
        { key: "groups", title: "Groups", isNumber: true, cell: (policy) => policy.groupCount },
        { key: "gateways", title: "Gateways, in order", cell: (policy) => (policy.gateways.length === 0 ? <span className="text-ink-3">none</span> : policy.gateways.map((gateway) => gateway.name).join(", then ")) },
        { key: "createdAt", title: "Created", sort: "createdAt", isWideOnly: true, cell: (policy) => <Time at={policy.createdAt} /> },
      ]}
      empty={{ title: "No policies", why: "Without a policy, agents work on the LAN only. A policy gives the agents of its groups gateways to use when they are outside.", action: create, docs: docs.policies }}
    />
  );
}
