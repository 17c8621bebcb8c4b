"use client";
/** Agents that host name, own address or NAT address do not tell apart (N9). */
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { ShortFingerprint } from "@/app/_ui/copy.tsx";
import { Empty } from "@/app/_ui/notice.tsx";
import { PageHeader, Section } from "@/app/_ui/page.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { counted } from "../../_shared/service-words.tsx";
import { collisionWords } from "./collision-words.ts";

type Collisions = Outputs["agent"]["collisions"];
type Row = Collisions["rows"][number];
const kinds = ["hostname", "address", "source"] as const;

export function CollisionsPage() {
  const found = useQuery(useTRPC().agent.collisions.queryOptions());
  return (
    <>
      <PageHeader crumb={{ label: "Agents", href: routes.agents.list }} title="Look-alikes" purpose="Agents that share a host name, an own address, or the address they come from. Each is reached by its key, so they never get each other's connections." />
      <Loaded query={found}>{(data) => <Kinds data={data} />}</Loaded>
    </>
  );
}

function Kinds({ data }: { data: Collisions }) {
  if (data.rows.length === 0) {
    return (
      <div className="rounded-lg border border-line bg-surface">
        <Empty title="No look-alikes" why="No two agents share a host name, an own address or the address they come from." docs={docs.reach} />
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-4">
      {kinds.map((kind) => {
        const rows = data.rows.filter((row) => row.kind === kind);
        return rows.length === 0 ? null : <Kind key={kind} kind={kind} rows={rows} />;
      })}
      {data.total > data.rows.length && <p className="text-[13px] text-ink-3">{counted(data.total - data.rows.length, "further value")} not shown.</p>}
    </div>
  );
}

function Kind({ kind, rows }: { kind: Row["kind"]; rows: Row[] }) {
  return (
    <Section title={collisionWords[kind].label} isFlush>
      <Table
        caption={`${collisionWords[kind].label}: agents that share it`}
        rows={rows}
        rowId={(row) => row.value}
        rowName={(row) => row.value}
        columns={[
          { key: "value", title: collisionWords[kind].label, cell: (row) => <code className="font-mono text-[12.5px] break-all">{row.value}</code> },
          { key: "count", title: "Agents", isNumber: true, cell: (row) => row.agents.length },
          { key: "agents", title: "Who they are", cell: (row) => <Agents agents={row.agents} /> },
        ]}
      />
    </Section>
  );
}

function Agents({ agents }: { agents: Row["agents"] }) {
  const shown = agents.slice(0, 6);
  return (
    <ul className="flex flex-col gap-1">
      {shown.map((agent) => (
        <li key={agent.id} className="flex flex-wrap items-baseline gap-x-2">
          <Link className="font-medium text-accent hover:underline" href={routes.agents.detail(agent.id)}>
            {agent.name}
          </Link>
          <span className="text-ink-3">
            {agent.site ?? "no site"}
            {agent.relayPath.length > 0 && `, through ${agent.relayPath.map((hop) => hop.name).join(", ")}`}
          </span>
          {agent.fingerprint !== null && <ShortFingerprint hex={agent.fingerprint} />}
        </li>
      ))}
      {agents.length > shown.length && <li className="text-ink-3">and {agents.length - shown.length} more</li>}
    </ul>
  );
}
