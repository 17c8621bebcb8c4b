"use client";
/** What a person has to judge about an agent: its approval, an unchecked relay, and agents that look like it. */
import { SealCheck } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Facts } from "@/app/_ui/page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { counted } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import type { Agent } from "./agent-detail-page.tsx";
import { collisionWords } from "./collision-words.ts";

export function AgentTrust({ agent }: { agent: Agent }) {
  return (
    <>
      {agent.approval.isNeeded && agent.approval.approvedAt === null && <Approval agent={agent} />}
      {agent.isRelayValidationOff && (
        <Notice tone="warn" title="It does not check what answers at its relay.">
          Validation towards the relay{agent.relayAddress === null ? "" : ` ${agent.relayAddress}`} was turned off on this computer. What the agent and the console say to each other stays sealed and proven; whoever answers there could still watch when it talks. Start the agent without --relay-validation off.
        </Notice>
      )}
      <LookAlikes agent={agent} />
    </>
  );
}

/** S4-34: it enrolled, and a person says whether it is the computer they think it is. */
function Approval({ agent }: { agent: Agent }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const mayApprove = useMay("operate");
  const current = agent.certificates.find((certificate) => certificate.isCurrent);
  const approve = useMutation(
    trpc.agent.approve.mutationOptions({
      onSuccess: () => {
        confirm(`Agent ${agent.hostname} approved: gateways let it in.`);
        void client.invalidateQueries(trpc.agent.pathFilter());
      },
    }),
  );
  return (
    <Notice
      tone="working"
      title="It waits for approval. Compare its fingerprint with what the computer itself shows."
      action={
        mayApprove && (
          <Button look="primary" icon={SealCheck} isBusy={approve.isPending} onClick={() => approve.mutate({ id: agent.id })}>
            Approve agent
          </Button>
        )
      }
    >
      <div className="@container mt-2">
        <Facts
          items={[
            { label: "Fingerprint", value: current ? <Fingerprint hex={current.fingerprint} name="fingerprint of the agent" /> : "no certificate yet" },
            { label: "Host name it gave", value: agent.hostname },
            { label: "Enrolled", value: <Time at={agent.enrolledAt} never="not yet" /> },
            { label: "Relays in its path", value: agent.relayPath.length === 0 ? "none" : agent.relayPath.map((hop) => hop.name).join(", ") },
          ]}
        />
        <p>On the computer: <code className="font-mono text-[12.5px]">sallyport-agent status</code> shows it. If it is not the computer you expect, revoke the agent instead.</p>
      </div>
      <ActionError error={approve.error} />
    </Notice>
  );
}

/** Agents with the same host name, address or NAT address (N9): nothing is wrong, but people should know. */
function LookAlikes({ agent }: { agent: Agent }) {
  const found = useQuery(useTRPC().agent.collisions.queryOptions());
  const rows = (found.data?.rows ?? []).filter((row) => row.agents.some((other) => other.id === agent.id)).map((row) => ({ ...row, agents: row.agents.filter((other) => other.id !== agent.id) })).filter((row) => row.agents.length > 0);
  if (rows.length === 0) return null;
  return (
    <Notice tone="idle" title="Other agents look like it. Their keys tell them apart; names and addresses do not." action={<Link className="text-[13px] text-accent hover:underline" href={routes.agents.collisions}>All look-alikes</Link>}>
      <ul className="list-disc pl-5">
        {rows.map((row) => (
          <li key={`${row.kind} ${row.value}`}>
            {collisionWords[row.kind].same} <code className="font-mono text-[12.5px]">{row.value}</code>:{" "}
            {row.agents.slice(0, 5).map((other, index) => (
              <span key={other.id}>
                {index > 0 && ", "}
                <Link className="text-accent underline" href={routes.agents.detail(other.id)}>{other.name}</Link>
                {other.site !== null && ` in ${other.site}`}
              </span>
            ))}
            {row.agents.length > 5 && ` and ${counted(row.agents.length - 5, "other")}`}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
