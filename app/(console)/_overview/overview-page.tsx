"use client";
/** The whole organisation on one page: the map with what is wrong drawn on it, counts, warnings, traffic. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { refusals } from "@/contract/error-codes.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { PageHeader, Section } from "@/app/_ui/page.tsx";
import { bytes, SparkLine } from "@/app/_ui/spark-line.tsx";
import { State, type Tone } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { ExactTime } from "@/app/_ui/time.tsx";
import { severityTone } from "../_shared/findings.tsx";
import { Loaded } from "../_shared/loaded.tsx";
import { GatewayStateLabel } from "../_shared/states.tsx";
import { usePerson } from "../_shell/use-person.ts";
import { FleetMap } from "./fleet-map.tsx";
import { Warnings } from "./warnings.tsx";

export type Overview = Outputs["overview"]["view"];

export function OverviewPage() {
  const trpc = useTRPC();
  const person = usePerson();
  const overview = useQuery(trpc.overview.view.queryOptions(undefined, { placeholderData: keepPreviousData, refetchInterval: 60_000 }));
  return (
    <>
      <PageHeader title="Overview" purpose={person ? `${person.organisation.name}: who reaches what, and what stands in the way.` : "Who reaches what, and what stands in the way."} />
      <div className="flex flex-col gap-4">
        <GuideBanner />
        <Loaded query={overview}>{(data) => <Facts overview={data} />}</Loaded>
      </div>
    </>
  );
}

function GuideBanner() {
  const guide = useQuery(useTRPC().guide.view.queryOptions());
  if (!guide.data || guide.data.isFinished || guide.data.isDismissed) return null;
  const done = guide.data.steps.filter((step) => step.state === "verified").length;
  return (
    <Notice tone="working" title="The first run is not finished." action={<LinkButton href={routes.guide} look="primary" size="small">Continue first run</LinkButton>}>
      {done} of {guide.data.steps.length} steps are verified. It leads from an empty console to an agent outside that reaches a server inside.
    </Notice>
  );
}

function Facts({ overview }: { overview: Overview }) {
  return (
    <>
      <Warnings warnings={overview.warnings} />
      <FindingCounts />
      <AgentCounts agents={overview.agents} />
      <Section title="Map" isFlush>
        <FleetMap overview={overview} />
      </Section>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
        <GatewayTable overview={overview} />
        <ServerTable overview={overview} />
      </div>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
        <Traffic overview={overview} />
        <Refused overview={overview} />
      </div>
    </>
  );
}

/** What lint found, in one line that leads to all of it; nothing while nothing is worth a warning. */
function FindingCounts() {
  const lint = useQuery(useTRPC().lint.run.queryOptions({ severity: "warning" }, { staleTime: 60_000 }));
  const counts = lint.data?.counts;
  if (!counts || counts.error + counts.warning === 0) return null;
  return (
    <section aria-label="Findings" className="flex flex-wrap items-center gap-x-6 gap-y-2 rounded-lg border border-line bg-surface px-4 py-3">
      <Link href={routes.findings} className="font-semibold hover:underline">Findings</Link>
      {(["error", "warning"] as const).filter((severity) => counts[severity] > 0).map((severity) => (
        <Link key={severity} href={`${routes.findings}?severity=${severity}`} className="hover:underline">
          <State tone={severityTone[severity]}>{counts[severity]} {counts[severity] === 1 ? severity : `${severity}s`}</State>
        </Link>
      ))}
      <span className="text-[13px] text-ink-3">settings that cut clients off now, or will</span>
    </section>
  );
}

const counted = [
  ["online", "online", "ok", "online"],
  ["late", "late", "warn", "late"],
  ["offline", "offline", "idle", "offline"],
  ["pending", "pending", "working", "pending"],
  ["revoked", "revoked", "fault", "revoked"],
] as const satisfies [keyof Overview["agents"], string, Tone, string][];

function AgentCounts({ agents }: { agents: Overview["agents"] }) {
  return (
    <section aria-label="Agents" className="flex flex-wrap items-center gap-x-6 gap-y-2 rounded-lg border border-line bg-surface px-4 py-3">
      <Link href={routes.agents.list} className="hover:underline">
        <span className="tabular text-[20px] font-semibold">{agents.total}</span> {agents.total === 1 ? "agent" : "agents"}
      </Link>
      <ul className="flex flex-wrap gap-x-5 gap-y-1 text-[13px]">
        {counted
          .filter(([key]) => agents[key] > 0 || key === "online")
          .map(([key, word, tone, state]) => (
            <li key={key}>
              <Link href={routes.agents.withState(state)} className="hover:underline">
                <State tone={agents[key] === 0 ? "idle" : tone}>
                  <span className="tabular">{agents[key]}</span> {word}
                </State>
              </Link>
            </li>
          ))}
      </ul>
      <p className="tabular text-[13px] text-ink-3">
        {agents.onLan} on the LAN, {agents.viaGateway} through a gateway
      </p>
    </section>
  );
}

function GatewayTable({ overview }: { overview: Overview }) {
  return (
    <Section title="Gateways" isFlush>
      {overview.gateways.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">None yet.</p>
      ) : (
        <div className="max-h-[26rem] overflow-y-auto">
          <Table
            caption="Gateways"
            rows={overview.gateways}
            rowId={(gateway) => gateway.id}
            rowName={(gateway) => gateway.name}
            rowHref={(gateway) => routes.gateways.detail(gateway.id)}
            columns={[
              { key: "name", title: "Name", cell: (gateway) => gateway.name },
              { key: "state", title: "State", cell: (gateway) => <GatewayStateLabel state={gateway.state} /> },
              { key: "tunnels", title: "Tunnels", isNumber: true, cell: (gateway) => gateway.tunnels },
              { key: "public", title: "Public name", cell: (gateway) => <code className="font-mono text-[12px]">{gateway.publicName ?? ""}</code> },
            ]}
          />
        </div>
      )}
    </Section>
  );
}

function ServerTable({ overview }: { overview: Overview }) {
  const nameOf = (id: string) => overview.gateways.find((gateway) => gateway.id === id)?.name ?? "another gateway";
  return (
    <Section title="Servers" isFlush>
      {overview.servers.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">None yet.</p>
      ) : (
        <div className="max-h-[26rem] overflow-y-auto">
          <Table
            caption="Servers"
            rows={overview.servers}
            rowId={(server) => server.id}
            rowName={(server) => server.name}
            rowHref={(server) => routes.servers.detail(server.id)}
            columns={[
              { key: "name", title: "Name", cell: (server) => server.name },
              { key: "state", title: "State", cell: (server) => (server.isReady ? <State tone="ok">Ready</State> : <State tone="warn">Not ready</State>) },
              { key: "kind", title: "Kind", cell: (server) => (server.kind === "management" ? "management" : "site server") },
              { key: "through", title: "Reached through", cell: (server) => (server.gatewayIds.length === 0 ? <span className="text-ink-3">the LAN only</span> : server.gatewayIds.map(nameOf).join(", ")) },
            ]}
          />
        </div>
      )}
    </Section>
  );
}

function Traffic({ overview }: { overview: Overview }) {
  const { traffic } = overview;
  const last = traffic.at(-1);
  return (
    <Section title="Traffic" hint="Last 24 hours, all gateways.">
      {last === undefined ? (
        <p className="text-[13px] text-ink-3">No gateway has reported yet.</p>
      ) : (
        <>
          <div className="flex flex-wrap gap-x-8 gap-y-4">
            <SparkLine label="Tunnels" values={traffic.map((sample) => sample.tunnels)} last={String(last.tunnels)} />
            <SparkLine label="Up" values={traffic.map((sample) => sample.bytesUp)} last={bytes(last.bytesUp)} />
            <SparkLine label="Down" values={traffic.map((sample) => sample.bytesDown)} last={bytes(last.bytesDown)} />
          </div>
          <details className="mt-3">
            <summary className="text-[13px] font-medium">The same as a table</summary>
            <div className="mt-2 max-h-64 overflow-y-auto">
              <Table
                caption="Traffic"
                rows={traffic.toReversed()}
                rowId={(sample) => sample.at}
                rowName={(sample) => sample.at}
                columns={[
                  { key: "at", title: "When", cell: (sample) => <ExactTime at={sample.at} /> },
                  { key: "tunnels", title: "Tunnels", isNumber: true, cell: (sample) => sample.tunnels },
                  { key: "up", title: "Up", isNumber: true, cell: (sample) => bytes(sample.bytesUp) },
                  { key: "down", title: "Down", isNumber: true, cell: (sample) => bytes(sample.bytesDown) },
                ]}
              />
            </div>
          </details>
        </>
      )}
    </Section>
  );
}

function Refused({ overview }: { overview: Overview }) {
  return (
    <Section title="Refused connections" hint="Last 24 hours." actions={<Link href={routes.refusals.list} className="text-[13px] text-accent hover:underline">All refusals</Link>}>
      {overview.refusalsLastDay === 0 ? (
        <State tone="ok">Nobody was turned away</State>
      ) : (
        <ul className="flex flex-col gap-1 text-[13px]">
          {overview.refusalCauses.slice(0, 6).map((cause) => (
            <li key={cause.code}>
              <Link href={routes.refusals.withCode(cause.code)} className="flex gap-3 hover:underline">
                <span className="tabular w-10 shrink-0 text-right font-semibold">{cause.count}</span>
                <span className="min-w-0">{refusals[cause.code].sentence}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
