"use client";
/** One relay: whether it carries its agents, through what, what has to be confirmed, and what depends on it. */
import { PencilSimple, Plugs } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { CopyButton, ShortFingerprint } from "@/app/_ui/copy.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { StateSentence, type Tone } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { PathPicture } from "../../_shared/path-picture.tsx";
import { relayTone } from "../../_shared/reach-words.tsx";
import { counted, endpoint } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { RelayNodes, Unreachable } from "./relay-nodes.tsx";
import { RelayRegistration } from "./relay-registration.tsx";
import { SettingsFile } from "./settings-file.tsx";

export type Relay = Outputs["relay"]["get"];

export function RelayDetailPage({ id }: { id: string }) {
  // Sessions come as events; what they carry is asked for in between.
  const relay = useQuery(useTRPC().relay.get.queryOptions({ id }, { refetchInterval: 5_000 }));
  useTitle(relay.data?.name);
  return <Loaded query={relay}>{(data) => <RelayDetail relay={data} />}</Loaded>;
}

function RelayDetail({ relay }: { relay: Relay }) {
  const isSettled = relay.state === "connected" || relay.state === "away";
  return (
    <>
      <PageHeader crumb={{ label: "Relays", href: routes.relays.list }} title={relay.name} actions={<RelayActions relay={relay} />} />
      <div className="flex flex-col gap-3">
        <RelaySentence relay={relay} />
        {relay.findings.map((finding) => (
          <Notice key={`${finding.code} ${finding.sentence}`} tone={findingTone[finding.severity]} title={finding.severity === "critical" ? `Critical: ${finding.sentence}` : finding.sentence}>
            {finding.cure}
          </Notice>
        ))}
      </div>
      <Columns
        main={
          <>
            <RelayRegistration relay={relay} />
            {isSettled && <RelayPathSection relay={relay} />}
            {isSettled && <RelayNodes relay={relay} />}
            <Unreachable relay={relay} />
            {isSettled && <SettingsFile relay={relay} />}
            <History targetId={relay.id} />
          </>
        }
        side={
          <>
            <Section title="Gateways, in order">
              <LinkList items={relay.gateways.map((gateway) => ({ ...gateway, href: routes.gateways.detail(gateway.id) }))} none="None: it can carry nobody." />
            </Section>
            <Section title="Agents">
              <p className="text-[13px]">{relay.agents === 0 ? "No agent comes through it now." : `${counted(relay.agents, "agent")} ${relay.agents === 1 ? "comes" : "come"} through it now.`}</p>
            </Section>
            <Confirmed relay={relay} />
            <Settings relay={relay} />
          </>
        }
      />
    </>
  );
}

const findingTone = { critical: "fault", warning: "warn", note: "idle" } as const satisfies Record<Relay["findings"][number]["severity"], Tone>;

function RelaySentence({ relay }: { relay: Relay }) {
  const failed = relay.sessions.find((session) => session.state === "failed");
  const text = {
    waiting: relay.direction === "gateway-dials" ? "Nothing answered yet: the gateways dial it." : "Nothing was heard from it yet.",
    answered: "It answered with its id. Nothing passes through it before you have compared its fingerprint and confirmed it.",
    connected: `Connected through ${relay.gateways.find((gateway) => relay.sessions.some((session) => session.state === "connected" && session.gateway.id === gateway.id))?.name ?? "a gateway"} with ${counted(relay.nodes, "node")}: ${counted(relay.agents, "agent")}, ${counted(relay.connections, "connection")}, ${bytes(relay.bytesPerSecond)}/s.`,
    away: `Away: no session with any gateway. ${relay.agents > 0 ? `${counted(relay.agents, "agent")} came through it last.` : "Its agents cannot be reached until it is back."}`,
  }[relay.state];
  return (
    <StateSentence tone={relay.state === "waiting" && failed ? "warn" : relayTone[relay.state]}>
      {text}
      <span className="block text-[13px] font-normal text-ink-2">
        {failed?.detail && relay.state !== "connected" ? `${failed.gateway.name} says: ${failed.detail}. ` : ""}
        Relay no. {relay.number}.
        {relay.lastSeenAt !== null && <> Last heard of <Time at={relay.lastSeenAt} />{relay.softwareVersion && `, version ${relay.softwareVersion}`}.</>}
      </span>
    </StateSentence>
  );
}

function RelayActions({ relay }: { relay: Relay }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const remove = useMutation(trpc.relay.remove.mutationOptions());
  if (!useMay("administer")) return null;
  return (
    <>
      <LinkButton href={routes.relays.edit(relay.id)} icon={PencilSimple}>
        Change relay
      </LinkButton>
      <DangerAction label="Deregister relay" icon={Plugs} title={`Deregister relay ${relay.name}?`} name={relay.name} done={`Relay ${relay.name} deregistered: gateways take nothing from it any more.`} load={() => client.fetchQuery(trpc.relay.impact.queryOptions({ id: relay.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: relay.id, confirmName })} onDone={() => router.push(routes.relays.list)} />
    </>
  );
}

function RelayPathSection({ relay }: { relay: Relay }) {
  const live = relay.sessions.find((session) => session.state === "connected");
  const gateway = live?.gateway ?? relay.gateways[0];
  const failed = relay.sessions.find((session) => session.state === "failed" || session.state === "ended");
  return (
    <Section title="Path" hint="From its agents to the gateway. The relay ends none of their TLS.">
      <PathPicture
        start={{ kind: "agents", name: counted(relay.agents, "agent") }}
        relays={[{ id: relay.id, name: relay.name }, ...relay.path.toReversed().filter((hop) => hop.relayId !== relay.id).map((hop) => ({ id: hop.relayId, name: hop.name }))]}
        gateway={gateway ?? null}
        cut={relay.state === "connected" ? null : (failed?.detail ?? "no session")}
      />
    </Section>
  );
}

function Confirmed({ relay }: { relay: Relay }) {
  return (
    <Section title="Confirmed certificates">
      {relay.confirmed.length === 0 ? (
        <p className="text-[13px] text-ink-3">None: nothing passes through it.</p>
      ) : (
        <ul className="flex flex-col gap-2 text-[13px]">
          {relay.confirmed.map((entry) => (
            <li key={entry.fingerprint}>
              <ShortFingerprint hex={entry.fingerprint} />
              <p className="text-ink-3">
                by {entry.by}, <Time at={entry.at} />
              </p>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Settings({ relay }: { relay: Relay }) {
  const mono = (text: string) => <code className="font-mono text-[12.5px] break-all">{text}</code>;
  return (
    <Section title="Settings">
      <Facts
        items={[
          { label: "Relay id", value: <span className="flex items-start gap-1">{mono(relay.relayKey)}<CopyButton text={relay.relayKey} what="relay id" /></span> },
          { label: "Who dials", value: relay.direction === "relay-dials" ? "the relay: one outbound rule" : "the gateways: one inbound rule" },
          ...(relay.address ? [{ label: "Its address", value: mono(endpoint(relay.address.host, relay.address.port)) }] : []),
          { label: "Behind relay", value: relay.behindRelay ? <Link className="text-accent hover:underline" href={routes.relays.detail(relay.behindRelay.id)}>{relay.behindRelay.name}</Link> : "none" },
          { label: "Address for agents", value: relay.agentAddress ? mono(endpoint(relay.agentAddress.host, relay.agentAddress.port)) : "not given" },
          { label: "Site", value: relay.site ? <Link className="text-accent hover:underline" href={routes.sites.detail(relay.site.id)}>{relay.site.name}</Link> : "none" },
          { label: "Networks", value: relay.networks.length === 0 ? "not given" : mono(relay.networks.join(", ")) },
          { label: "Agents that listen", value: relay.listeningAgents.length === 0 ? "none" : counted(relay.listeningAgents.length, "address", "addresses") },
          { label: "Note", value: relay.note === "" ? "none" : relay.note },
          { label: "Last changed", value: <Time at={relay.updatedAt} /> },
        ]}
      />
    </Section>
  );
}
