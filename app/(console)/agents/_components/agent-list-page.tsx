"use client";
/** List of agents, with actions on many at once. */
import { Plus, Prohibit, TreeStructure } from "@phosphor-icons/react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { agentState } from "@/contract/states.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { AgentStateLabel, agentWord, pathText } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { GroupsDialog } from "./groups-dialog.tsx";

type AgentRow = Outputs["agent"]["list"]["rows"][number];

export function AgentListPage() {
  const trpc = useTRPC();
  const list = useListState({ sorts: ["hostname", "state", "lastSeenAt", "createdAt", "platform"], standard: "hostname", choices: { state: agentState.options, via: ["lan", "gateway", "proxy", "none"], groupId: "text" } });
  const query = useQuery(trpc.agent.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const groups = useQuery(trpc.agentGroup.list.queryOptions({ pageSize: 200 }));
  const mayOperate = useMay("operate");
  const actions = mayOperate && (
    <>
      <LinkButton href={routes.agents.collisions} look="quiet">
        Look-alikes
      </LinkButton>
      <LinkButton href={routes.agents.enrol} icon={Plus}>
        Create enrolment token
      </LinkButton>
      <LinkButton href={routes.bundles.create} look="primary" icon={Plus}>
        Create bundle
      </LinkButton>
    </>
  );
  return (
    <ListPage
      title="Agents"
      purpose="The endpoints: each uses the LAN while it can, and the gateways of its policy when it cannot."
      noun={["agent", "agents"]}
      action={actions}
      list={list}
      query={query}
      rowId={(agent) => agent.id}
      rowName={(agent) => agent.hostname}
      rowHref={(agent) => routes.agents.detail(agent.id)}
      filters={[
        { name: "state", label: "State", options: agentState.options.map((state) => ({ value: state, label: agentWord[state] })) },
        { name: "via", label: "Path", options: [{ value: "lan", label: "LAN" }, { value: "gateway", label: "Gateway" }, { value: "proxy", label: "Proxy" }, { value: "none", label: "None" }] },
        { name: "groupId", label: "Group", options: (groups.data?.rows ?? []).map((group) => ({ value: group.id, label: group.name })) },
      ]}
      columns={[
        { key: "hostname", title: "Host name", sort: "hostname", cell: (agent) => agent.hostname },
        { key: "state", title: "State", sort: "state", cell: (agent) => <AgentStateLabel state={agent.state} /> },
        { key: "seen", title: "Last seen", sort: "lastSeenAt", cell: (agent) => <Time at={agent.lastSeenAt} /> },
        { key: "path", title: "Path", cell: (agent) => (agent.path.kind === "none" ? <span className="text-ink-3">none</span> : pathText(agent.path)) },
        { key: "cloud", title: "From outside", cell: (agent) => (agent.isCloudEnabled ? <State tone="ok">Allowed</State> : <State tone="idle">LAN only</State>) },
        { key: "groups", title: "Groups", cell: (agent) => <GroupNames agent={agent} /> },
        { key: "platform", title: "Platform", sort: "platform", isWideOnly: true, cell: (agent) => agent.platform },
        { key: "version", title: "Version", isWideOnly: true, cell: (agent) => agent.version ?? "" },
      ]}
      {...(mayOperate ? { bulk: (selected: AgentRow[], clear: () => void) => <BulkActions selected={selected} onDone={clear} /> } : {})}
      empty={{ title: "No agents", why: "An agent is installed from an offline bundle, which carries policy and a one-time token, or with a token by hand.", action: actions, docs: docs.agents }}
    />
  );
}

function GroupNames({ agent }: { agent: AgentRow }) {
  if (agent.groups.length === 0) return <span className="text-ink-3">none</span>;
  return (
    <span title={agent.groups.map((group) => group.name).join("\n")}>
      {agent.groups.slice(0, 2).map((group) => group.name).join(", ")}
      {agent.groups.length > 2 && <span className="text-ink-3"> and {agent.groups.length - 2} more</span>}
    </span>
  );
}

function BulkActions({ selected, onDone }: { selected: AgentRow[]; onDone: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const [isGrouping, setGrouping] = useState(false);
  const revoke = useMutation(trpc.agent.revokeMany.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.agent.pathFilter()) }));
  const live = selected.filter((agent) => agent.state !== "revoked");
  const count = `${live.length} ${live.length === 1 ? "agent" : "agents"}`;
  return (
    <>
      <Button size="small" icon={TreeStructure} onClick={() => setGrouping(true)}>
        Change groups
      </Button>
      <DangerAction
        label={`Revoke ${count}`}
        size="small"
        icon={Prohibit}
        title={`Revoke ${count}?`}
        name={`revoke ${live.length}`}
        done={`${count} revoked.`}
        onDone={onDone}
        load={() =>
          Promise.resolve({
            agentsAffected: live.length,
            lines: live.slice(0, 20).map((agent) => `${agent.hostname}, ${agent.state}`),
            blockers: live.length === 0 ? ["All selected agents are revoked already."] : [],
            undo: "A revocation is not taken back; re-enrol an agent with a new token from its page.",
            needsConfirmation: true,
          })
        }
        run={() => revoke.mutateAsync({ ids: live.map((agent) => agent.id) })}
      />
      {isGrouping && <GroupsDialog agents={selected} onClose={() => setGrouping(false)} onDone={onDone} />}
    </>
  );
}
