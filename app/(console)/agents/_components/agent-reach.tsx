"use client";
/** An agent's channel, the path it takes, who has a session into it, and how to reach it: ready commands, or a request for approval. */
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import type { AgentState } from "@/contract/states.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { CopyBlock, CopyButton } from "@/app/_ui/copy.tsx";
import { LoadError, Notice, Skeleton } from "@/app/_ui/notice.tsx";
import { Facts, Section } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { State, type Tone } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { duration, Time, useNow } from "@/app/_ui/time.tsx";
import { EndSession } from "../../_shared/end-session.tsx";
import { PathPicture } from "../../_shared/path-picture.tsx";
import { serviceText } from "../../_shared/reach-words.tsx";
import { counted } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import type { Agent } from "./agent-detail-page.tsx";
import { RequestDialog } from "./request-dialog.tsx";

type Reach = Outputs["agent"]["reach"];
type Service = Reach["services"][number];

/** Channel, sessions and the ways in, from one answer. */
export function AgentReach({ agent }: { agent: Agent }) {
  // What a gateway measured between two events is asked for.
  const reach = useQuery(useTRPC().agent.reach.queryOptions({ id: agent.id }, { refetchInterval: 10_000 }));
  if (!reach.data) {
    return <Section title="Channel">{reach.error ? <LoadError error={reach.error} onRetry={() => void reach.refetch()} /> : <Skeleton lines={4} />}</Section>;
  }
  return (
    <>
      <Channel agent={agent} reach={reach.data} />
      {closedBecause[agent.state] === undefined ? <Connect agent={agent} reach={reach.data} /> : <Section title="Connect"><p className="text-[13px] text-ink-2">{closedBecause[agent.state]}</p></Section>}
      <OpenSessions agent={agent} sessions={reach.data.openSessions} />
    </>
  );
}

/** Why nobody reaches an agent whatever the rules say. */
const closedBecause: Partial<Record<AgentState, string>> = { revoked: "Nobody reaches it: it is revoked.", unapproved: "Nobody reaches it before it is approved.", pending: "Nobody reaches it before it has enrolled." };

const channelTone = { open: "ok", closed: "fault", none: "idle" } as const satisfies Record<Reach["channel"]["state"], Tone>;

function Channel({ agent, reach: { channel } }: { agent: Agent; reach: Reach }) {
  const now = useNow(5_000);
  const since = channel.openedAt === null ? "" : duration(now - Date.parse(channel.openedAt));
  const sentence = {
    open: `Open${channel.gateway ? ` at ${channel.gateway.name}` : ""} for ${since}.`,
    closed: `Closed${channel.endReason ? `: ${channel.endReason}` : ""}.`,
    none: agent.state === "revoked" ? "It holds none: it is revoked." : agent.isCloudEnabled ? "It has never held a channel." : "It holds none: no enabled policy lets it in from outside.",
  }[channel.state];
  return (
    <Section title="Channel" hint="The one connection that this agent holds outwards; everything that reaches it comes through it.">
      <div className="flex flex-col gap-3">
        <p className="flex flex-wrap items-baseline gap-x-3 text-[14px]">
          <State tone={channelTone[channel.state]}><span className="whitespace-normal">{sentence}</span></State>
          {channel.others > 0 && <span className="text-[13px] text-ink-2">{counted(channel.others, "other gateway holds", "other gateways hold")} one too.</span>}
        </p>
        {channel.state !== "none" && (
          <PathPicture
            start={{ kind: "agent", name: agent.hostname }}
            relays={channel.relayPath.toReversed().map((hop) => ({ id: hop.relayId, name: hop.name }))}
            gateway={channel.gateway}
            cut={channel.state === "open" ? null : (channel.endReason ?? "closed")}
            {...(channel.roundTripMs === null || channel.state !== "open" ? {} : { note: `${channel.roundTripMs < 10 ? channel.roundTripMs.toFixed(1) : Math.round(channel.roundTripMs)} ms there and back` })}
          />
        )}
        {channel.problem && (
          <Notice tone="fault" title={channel.problem.sentence}>
            {channel.problem.detail} {channel.problem.cure} <span className="text-ink-3">(code {channel.problem.code})</span>
          </Notice>
        )}
        {channel.state !== "none" && (
          <Facts
            items={[
              ...(channel.state === "closed" ? [{ label: "Closed", value: <Time at={channel.endedAt} /> }] : []),
              { label: "Comes from", value: channel.source ? <code className="font-mono text-[12.5px]">{channel.source}</code> : "not known" },
              { label: "Who dials", value: channel.isListening ? "the relay: this agent listens" : "the agent" },
              ...(channel.state === "open" ? [{ label: "Streams", value: counted(channel.streams, "stream") }] : []),
              { label: "Up, down", value: `${bytes(channel.bytesUp)}, ${bytes(channel.bytesDown)}` },
            ]}
          />
        )}
      </div>
    </Section>
  );
}

function Connect({ agent, reach }: { agent: Agent; reach: Reach }) {
  const [asked, setAsked] = useState<Service>();
  const mayAdminister = useMay("administer");
  const hasNoInside = reach.insideGateways.length === 0;
  return (
    <Section title="Connect" hint={<>By name, never by address: <code className="font-mono text-[12.5px] break-all">{reach.name}</code> <CopyButton text={reach.name} what="name of this agent" /></>}>
      <div className="flex flex-col gap-4">
        {hasNoInside && reach.services.length > 0 && (
          <Notice tone="warn" title="No gateway has an inside listener, so nobody can reach agents.">
            Give one to a gateway: change it, and fill in its inside listener.
          </Notice>
        )}
        {reach.services.length === 0 ? (
          <div className="flex flex-wrap items-center justify-between gap-3">
            <p className="text-[13px] text-ink-2">No reach rule opens a service on this agent.</p>
            {mayAdminister && <LinkButton size="small" href={routes.reachRules.create}>Create reach rule</LinkButton>}
          </div>
        ) : (
          <ul className="flex flex-col divide-y divide-line">
            {reach.services.map((service) => (
              <li key={`${service.name} ${service.host} ${service.port} ${service.rule.id}`} className="flex flex-col gap-2 py-3 first:pt-0 last:pb-0">
                <ServiceWay service={service} isReachable={reach.channel.state === "open"} onAsk={() => setAsked(service)} />
              </li>
            ))}
          </ul>
        )}
        {reach.limits.length > 0 && (
          <div className="text-[13px] text-ink-2">
            <p className="font-medium text-ink">What this path cannot do</p>
            <ul className="list-disc pl-5">
              {reach.limits.map((limit) => (
                <li key={limit}>{limit}</li>
              ))}
            </ul>
          </div>
        )}
      </div>
      {asked && <RequestDialog agent={agent} name={reach.name} service={asked} onClose={() => setAsked(undefined)} />}
    </Section>
  );
}

/** One service: commands that work as they stand, or what is missing until they do. */
function ServiceWay({ service, isReachable, onAsk }: { service: Service; isReachable: boolean; onAsk: () => void }) {
  const isWaitingApproval = service.needsApproval && service.approvedUntil === null;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 className="text-[14px] font-medium">{serviceText(service)}</h3>
        <span className="text-[13px] text-ink-3">
          allowed by <Link className="hover:underline" href={routes.reachRules.detail(service.rule.id)}>{service.rule.name}</Link>
        </span>
      </div>
      {!service.mayReach && !service.needsApproval ? (
        <p className="text-[13px] text-ink-2">The rule does not let you in. Whoever administers it can add your role or your name.</p>
      ) : isWaitingApproval ? (
        <div className="flex flex-wrap items-center justify-between gap-2">
          <p className="text-[13px] text-ink-2">The rule wants an approval first.</p>
          <Button size="small" onClick={onAsk}>
            Request approval
          </Button>
        </div>
      ) : (
        <>
          {service.approvedUntil !== null && <p className="text-[13px] text-ink-2">Approved; ends <Time at={service.approvedUntil} />.</p>}
          {!isReachable && <p className="text-[13px] text-ink-2">The agent has no channel now; the commands work once it has one again.</p>}
          {service.commands.map((entry) => (
            <div key={entry.label} className="flex flex-col gap-1">
              <p className="text-[13px] text-ink-2">{entry.label}</p>
              <CopyBlock text={entry.command} what={`command: ${entry.label}`} />
            </div>
          ))}
        </>
      )}
    </>
  );
}

function OpenSessions({ agent, sessions }: { agent: Agent; sessions: Reach["openSessions"] }) {
  const all = (
    <Link className="text-[13px] text-accent hover:underline" href={routes.sessionsOfAgent(agent.id)}>
      All sessions
    </Link>
  );
  return (
    <Section title="Open sessions" isFlush actions={all}>
      {sessions.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">Nobody is connected to this agent now.</p>
      ) : (
        <Table
          caption="Open sessions"
          rows={sessions}
          rowId={(session) => session.id}
          rowName={(session) => session.actor.name}
          columns={[
            { key: "who", title: "Who", cell: (session) => <span className="font-medium">{session.actor.name}</span> },
            { key: "service", title: "Service", cell: (session) => serviceText(session.service) },
            { key: "since", title: "Since", cell: (session) => <Time at={session.openedAt} never="not connected yet" /> },
            { key: "until", title: "Ends by itself", cell: (session) => <Time at={session.until} /> },
            { key: "bytes", title: "Up, down", isNumber: true, cell: (session) => <span className="whitespace-nowrap">{bytes(session.bytesUp)}, {bytes(session.bytesDown)}</span> },
            { key: "from", title: "From", isWideOnly: true, cell: (session) => <code className="font-mono text-[12px]">{session.source}</code> },
          ]}
          rowActions={(session) => <EndSession session={session} />}
        />
      )}
    </Section>
  );
}
