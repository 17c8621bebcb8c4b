"use client";
/** One agent: how it reaches its server just now, the named step, what it tried, and what it is. */
import { ArrowsClockwise, PencilSimple, Prohibit, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { connectionStepTitle } from "@/contract/states.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { duration, Time, useNow } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { agentTone, pathText } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { AgentEditDialog, ReEnrolDialog } from "./agent-dialogs.tsx";
import { AgentReach } from "./agent-reach.tsx";
import { AgentTasks } from "./agent-tasks.tsx";
import { AgentTrust } from "./agent-trust.tsx";
import { AgentLogs, Attempts, Certificates, Inventory, Steps, Tunnels } from "./agent-sections.tsx";

export type Agent = Outputs["agent"]["get"];

export function AgentDetailPage({ id }: { id: string }) {
  const agent = useQuery(useTRPC().agent.get.queryOptions({ id }));
  useTitle(agent.data?.hostname);
  return <Loaded query={agent}>{(data) => <AgentDetail agent={data} />}</Loaded>;
}

function AgentDetail({ agent }: { agent: Agent }) {
  return (
    <>
      <PageHeader crumb={{ label: "Agents", href: routes.agents.list }} title={agent.hostname} actions={<AgentActions agent={agent} />} />
      <div className="flex flex-col gap-3">
        <AgentSentence agent={agent} />
        <AgentTrust agent={agent} />
        {agent.clockSkewMs !== null && Math.abs(agent.clockSkewMs) > 300_000 && <Notice tone="warn" title={`Its clock differs from the console's by ${duration(Math.abs(agent.clockSkewMs))}.`}>Certificates are judged by it; correct the clock of this computer.</Notice>}
        {agent.diagnoses.map((diagnosis) => (
          <Notice key={`${diagnosis.gateway.id} ${diagnosis.seen}`} tone="fault" title={`A certificate proxy answered in place of gateway ${diagnosis.gateway.name}.`}>
            <Facts
              items={[
                { label: "This agent met", value: <code className="font-mono text-[12px] break-all">{diagnosis.seen}</code> },
                { label: "The gateway presents", value: <code className="font-mono text-[12px] break-all">{diagnosis.own ?? "not reported yet"}</code> },
                { label: "Last met", value: <Time at={diagnosis.at} /> },
              ]}
            />
            {diagnosis.cure}
          </Notice>
        ))}
      </div>
      <Columns
        main={
          <>
            <AgentReach agent={agent} />
            <AgentTasks agent={agent} />
            <Steps agent={agent} />
            <Attempts agent={agent} />
            <Tunnels agent={agent} />
            <Inventory agent={agent} />
            <Certificates agent={agent} />
            <AgentLogs id={agent.id} />
            <History targetId={agent.id} />
          </>
        }
        side={
          <>
            <Section title="Groups">
              <LinkList items={agent.groups.map((group) => ({ ...group, href: routes.groups.detail(group.id) }))} none="In no group." />
            </Section>
            <Section title="Policies that cover it">
              <LinkList items={agent.policies.map((policy) => ({ id: policy.id, name: policy.name, href: routes.policies.detail(policy.id), note: policy.isEnabled ? "enabled" : "disabled" }))} none="None: it works on the LAN only." />
            </Section>
            <Section title="Facts">
              <Facts
                items={[
                  { label: "Platform", value: agent.platform },
                  { label: "Version", value: agent.version ?? "unknown" },
                  { label: "Enrolled", value: <Time at={agent.enrolledAt} never="not yet" /> },
                  { label: "Policy revision", value: agent.policyRevision },
                  { label: "Relays in its path", value: agent.relayPath.length === 0 ? "none" : agent.relayPath.map((hop) => hop.name).join(", ") },
                  ...(agent.relayAddress === null ? [] : [{ label: "Told to use relay", value: <code className="font-mono text-[12px] break-all">{agent.relayAddress}</code> }]),
                  ...(agent.approval.approvedAt === null ? [] : [{ label: "Approved", value: <><Time at={agent.approval.approvedAt} /> by {agent.approval.approvedBy ?? "somebody who has left"}</> }]),
                  { label: "Takes tasks", value: agent.hasKeys ? "yes, sealed to its own key" : "not yet: its key has not come" },
                  { label: "Identity", value: <code className="font-mono text-[12px] break-all">{agent.identity}</code> },
                  { label: "Note", value: agent.note === "" ? "none" : agent.note },
                ]}
              />
            </Section>
            <Section title="Refused connections">
              <Link className="text-[13px] text-accent hover:underline" href={routes.refusals.ofAgent(agent.id)}>
                Refusals of this agent
              </Link>
            </Section>
          </>
        }
      />
    </>
  );
}

function AgentActions({ agent }: { agent: Agent }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const [shown, setShown] = useState<"edit" | "re-enrol" | null>(null);
  const revoke = useMutation(trpc.agent.revoke.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.agent.pathFilter()) }));
  const remove = useMutation(trpc.agent.remove.mutationOptions());
  const load = () => client.fetchQuery(trpc.agent.impact.queryOptions({ id: agent.id }, { staleTime: 0 }));
  if (!useMay("operate")) return null;
  return (
    <>
      <Button icon={PencilSimple} onClick={() => setShown("edit")}>
        Change agent
      </Button>
      <Button icon={ArrowsClockwise} onClick={() => setShown("re-enrol")}>
        Re-enrol agent
      </Button>
      {agent.state !== "revoked" && <DangerAction label="Revoke agent" icon={Prohibit} title={`Revoke agent ${agent.hostname}?`} name={agent.hostname} done={`Agent ${agent.hostname} revoked: gateways refuse it from now on.`} load={load} run={(confirmName) => revoke.mutateAsync({ id: agent.id, confirmName })} />}
      <DangerAction label="Delete agent" icon={Trash} title={`Delete agent ${agent.hostname}?`} name={agent.hostname} done={`Agent ${agent.hostname} deleted.`} load={load} run={(confirmName) => remove.mutateAsync({ id: agent.id, confirmName })} onDone={() => router.push(routes.agents.list)} />
      {shown === "edit" && <AgentEditDialog agent={agent} onClose={() => setShown(null)} />}
      {shown === "re-enrol" && <ReEnrolDialog agent={agent} onClose={() => setShown(null)} />}
    </>
  );
}

/** "Connected through gw-berlin for 3 d 4 h, last byte 12 s ago." */
function AgentSentence({ agent }: { agent: Agent }) {
  const now = useNow(5000);
  const tunnel = agent.tunnels.find((open) => open.endedAt === null);
  const text = {
    pending: "Never enrolled: the record exists, the endpoint has not come yet.",
    unapproved: "Enrolled, and waits for approval: until then no gateway lets it in and no task reaches it.",
    revoked: "Revoked: every gateway refuses it, and its tunnels were ended.",
    online: agent.path.kind === "lan" ? "Connected over the LAN." : tunnel ? `Connected through ${tunnel.gateway.name} for ${duration(now - Date.parse(tunnel.openedAt))}, last byte ${duration(now - Date.parse(tunnel.lastByteAt))} ago.` : `Connected over ${pathText(agent.path)}.`,
    late: `Late: nothing was proven over the data path for more than 90 seconds. It last used ${agent.path.kind === "none" ? "no path" : pathText(agent.path)}.`,
    offline: "Offline: nothing was proven over the data path for more than 15 minutes.",
  }[agent.state];
  return (
    <StateSentence tone={agentTone[agent.state]}>
      {text}
      <span className="block text-[13px] font-normal text-ink-2">
        {agent.state === "revoked" ? <>Revoked <Time at={agent.revokedAt} />. </> : <>Last seen <Time at={agent.lastSeenAt} />. </>}
        Step: {connectionStepTitle[agent.step]}. {agent.isCloudEnabled ? "A policy lets it in from outside." : "No enabled policy lets it in from outside."}
      </span>
    </StateSentence>
  );
}
