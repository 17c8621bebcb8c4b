"use client";
/** List of reach rules. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { serviceText } from "../../_shared/reach-words.tsx";
import { EnabledLabel } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function ReachRuleListPage() {
  const list = useListState({ sorts: ["name", "isEnabled", "createdAt"], standard: "name" });
  const query = useQuery(useTRPC().reachRule.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.reachRules.create} look="primary" icon={Plus}>
      Create reach rule
    </LinkButton>
  );
  return (
    <ListPage
      title="Reach rules"
      purpose="Who reaches which services on which agents. What no rule opens is closed, at the console and at the agent itself."
      noun={["reach rule", "reach rules"]}
      action={create}
      list={list}
      query={query}
      rowId={(rule) => rule.id}
      rowName={(rule) => rule.name}
      rowHref={(rule) => routes.reachRules.detail(rule.id)}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (rule) => rule.name },
        { key: "state", title: "State", sort: "isEnabled", cell: (rule) => <EnabledLabel isEnabled={rule.isEnabled} /> },
        { key: "services", title: "Opens", cell: (rule) => <Opens rule={rule} /> },
        { key: "groups", title: "Groups", cell: (rule) => (rule.groups.length === 0 ? <span className="text-ink-3">none</span> : <span title={rule.groups.map((group) => group.name).join("\n")}>{rule.groups.slice(0, 2).map((group) => group.name).join(", ")}{rule.groups.length > 2 && <span className="text-ink-3"> and {rule.groups.length - 2} more</span>}</span>) },
        { key: "agents", title: "Agents", isNumber: true, cell: (rule) => rule.agentCount.toLocaleString("en") },
        { key: "approval", title: "Approval", cell: (rule) => (rule.needsApproval ? "each caller" : <span className="text-ink-3">not needed</span>) },
        { key: "createdAt", title: "Created", sort: "createdAt", isWideOnly: true, cell: (rule) => <Time at={rule.createdAt} /> },
      ]}
      empty={{ title: "No reach rules", why: "Nobody reaches into an agent's computer until a rule says who, which service, for how long, and whether somebody must approve it first.", action: create, docs: docs.reach }}
    />
  );
}

function Opens({ rule }: { rule: { services: { name: string; host: string; port: number }[]; allowsScripts: boolean } }) {
  return (
    <span className="inline-flex flex-wrap items-center gap-1.5">
      {rule.services.slice(0, 3).map((service) => (
        <Tag key={`${service.host} ${service.port}`}>{serviceText(service)}</Tag>
      ))}
      {rule.services.length > 3 && <span className="text-ink-3">and {rule.services.length - 3} more</span>}
      {rule.allowsScripts && <Tag>scripts</Tag>}
    </span>
  );
}
