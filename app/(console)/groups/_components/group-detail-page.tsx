"use client";
/** One agent group: its rule or members, and the policies it brings. */
import { Desktop, PencilSimple, Trash } from "@phosphor-icons/react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { AgentStateLabel } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { fieldTitle, operatorTitle } from "./rule-fields.tsx";

type Group = Outputs["agentGroup"]["get"];

export function GroupDetailPage({ id }: { id: string }) {
  const group = useQuery(useTRPC().agentGroup.get.queryOptions({ id }));
  useTitle(group.data?.name);
  return <Loaded query={group}>{(data) => <GroupDetail group={data} />}</Loaded>;
}

function GroupDetail({ group }: { group: Group }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const remove = useMutation(trpc.agentGroup.remove.mutationOptions());
  const agents = `${group.agentCount} ${group.agentCount === 1 ? "agent" : "agents"}`;
  return (
    <>
      <PageHeader
        crumb={{ label: "Groups", href: routes.groups.list }}
        title={group.name}
        actions={
          <>
            <LinkButton href={routes.agents.inGroup(group.id)} icon={Desktop}>
              Show its agents
            </LinkButton>
            {mayChange && (
              <>
                <LinkButton href={routes.groups.edit(group.id)} icon={PencilSimple}>
                  Change group
                </LinkButton>
                <DangerAction label="Delete group" icon={Trash} title={`Delete group ${group.name}?`} name={group.name} done={`Group ${group.name} deleted.`} load={() => client.fetchQuery(trpc.agentGroup.impact.queryOptions({ id: group.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: group.id, confirmName })} onDone={() => router.push(routes.groups.list)} />
              </>
            )}
          </>
        }
      />
      <StateSentence tone={group.policies.length === 0 ? "warn" : "ok"}>
        {group.policies.length === 0 ? `Holds ${agents}, but no policy targets it: it gives nobody a way in.` : `Holds ${agents}, targeted by ${group.policies.length} ${group.policies.length === 1 ? "policy" : "policies"}.`}
      </StateSentence>
      <Columns
        main={
          <>
            <Members id={group.id} />
            <Section title="Settings">
              <Facts
                items={[
                  { label: "Kind", value: group.kind === "dynamic" ? "By rule" : "Static" },
                  ...(group.rule ? [{ label: group.rule.match === "all" ? "All of" : "One of", value: <ul>{group.rule.conditions.map((condition) => <li key={JSON.stringify(condition)}>{fieldTitle[condition.field]} {operatorTitle[condition.operator]} <code className="font-mono text-[12.5px]">{condition.value}</code></li>)}</ul> }] : []),
                  { label: "Note", value: group.note === "" ? "none" : group.note },
                  { label: "Last changed", value: <Time at={group.updatedAt} /> },
                ]}
              />
            </Section>
            <History targetId={group.id} />
          </>
        }
        side={
          <Section title="Policies that target it">
            <LinkList items={group.policies.map((policy) => ({ ...policy, href: routes.policies.detail(policy.id) }))} none="None." />
          </Section>
        }
      />
    </>
  );
}

function Members({ id }: { id: string }) {
  const members = useQuery(useTRPC().agentGroup.members.queryOptions({ id, pageSize: 25 }, { placeholderData: keepPreviousData }));
  const rows = members.data?.rows ?? [];
  return (
    <Section title="Members" hint={members.data && members.data.total > rows.length ? `The first ${rows.length} of ${members.data.total}.` : undefined} isFlush>
      {members.data && rows.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">No agent belongs to it now.</p>
      ) : (
        <Table
          caption="Members"
          rows={rows}
          rowId={(agent) => agent.id}
          rowName={(agent) => agent.hostname}
          rowHref={(agent) => routes.agents.detail(agent.id)}
          columns={[
            { key: "hostname", title: "Host name", cell: (agent) => agent.hostname },
            { key: "state", title: "State", cell: (agent) => <AgentStateLabel state={agent.state} /> },
            { key: "platform", title: "Platform", cell: (agent) => agent.platform },
            { key: "seen", title: "Last seen", cell: (agent) => <Time at={agent.lastSeenAt} /> },
          ]}
        />
      )}
    </Section>
  );
}
