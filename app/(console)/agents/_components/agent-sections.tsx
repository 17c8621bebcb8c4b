"use client";
/** Sections of an agent's page: steps of its connection, attempts, tunnels, inventory, certificates, log. */
import { CheckCircle, Circle } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { agentErrors } from "@/contract/error-codes.ts";
import { connectionStep, connectionStepTitle } from "@/contract/states.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { ShortFingerprint } from "@/app/_ui/copy.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { Facts, Section } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { duration, Time } from "@/app/_ui/time.tsx";
import { LogLines } from "../../_shared/log-lines.tsx";
import { pathText } from "../../_shared/states.tsx";
import type { Agent } from "./agent-detail-page.tsx";

const steps = connectionStep.options.filter((step) => step !== "idle");

/** The eight steps of a tunnel, as far as it came. */
export function Steps({ agent }: { agent: Agent }) {
  if (agent.path.kind !== "gateway") return null;
  const reached = steps.indexOf(agent.step as (typeof steps)[number]);
  return (
    <Section title={`Connection through ${agent.path.name}`}>
      <ol className="grid gap-x-6 gap-y-1.5 text-[13px] sm:grid-cols-2">
        {steps.map((step, index) => {
          const isReached = index <= reached;
          const Glyph = isReached ? CheckCircle : Circle;
          return (
            <li key={step} aria-current={index === reached ? "step" : undefined} className={cx("flex items-start gap-2", isReached ? "text-ink" : "text-ink-3")}>
              <Glyph aria-hidden="true" size={16} weight={isReached ? "fill" : "regular"} className={cx("mt-0.5 shrink-0", isReached && "text-ok")} />
              <span>
                {connectionStepTitle[step]}
                <span className="sr-only">{isReached ? " (reached)" : " (not reached)"}</span>
              </span>
            </li>
          );
        })}
      </ol>
    </Section>
  );
}

export function Attempts({ agent }: { agent: Agent }) {
  if (agent.attempts.length === 0) return null;
  return (
    <Section title="Attempts" hint="What it tried, newest first, with the step each try reached." isFlush>
      <Table
        caption="Attempts"
        rows={agent.attempts.map((attempt, index) => ({ ...attempt, key: `${attempt.at}-${index}` })).toSorted((one, other) => other.at.localeCompare(one.at))}
        rowId={(attempt) => attempt.key}
        rowName={(attempt) => attempt.at}
        columns={[
          { key: "at", title: "When", cell: (attempt) => <Time at={attempt.at} /> },
          { key: "path", title: "Path", cell: (attempt) => pathText(attempt.path) },
          { key: "result", title: "Result", cell: (attempt) => (attempt.code === null ? <State tone="ok">Worked</State> : <State tone="fault"><span className="whitespace-normal">{agentErrors[attempt.code].sentence}</span></State>) },
          { key: "step", title: "Step reached", cell: (attempt) => connectionStepTitle[attempt.step] },
          { key: "detail", title: "Detail", cell: (attempt) => attempt.detail || (attempt.code ? agentErrors[attempt.code].cure : "") },
          { key: "connection", title: "Connection id", isWideOnly: true, cell: (attempt) => <code className="font-mono text-[12px]" title={attempt.connectionId ?? ""}>{attempt.connectionId?.slice(0, 8) ?? ""}</code> },
        ]}
      />
    </Section>
  );
}

export function Tunnels({ agent }: { agent: Agent }) {
  if (agent.tunnels.length === 0) return null;
  return (
    <Section title="Tunnels" isFlush>
      <Table
        caption="Tunnels"
        rows={agent.tunnels}
        rowId={(tunnel) => tunnel.connectionId}
        rowName={(tunnel) => tunnel.connectionId}
        columns={[
          { key: "gateway", title: "Gateway", cell: (tunnel) => <Link className="hover:underline" href={routes.gateways.detail(tunnel.gateway.id)}>{tunnel.gateway.name}</Link> },
          { key: "server", title: "Server", cell: (tunnel) => <Link className="hover:underline" href={routes.servers.detail(tunnel.server.id)}>{tunnel.server.name}</Link> },
          { key: "state", title: "State", cell: (tunnel) => (tunnel.endedAt === null ? <State tone="ok">Open</State> : <State tone="idle">Ended</State>) },
          { key: "opened", title: "Opened", cell: (tunnel) => <Time at={tunnel.openedAt} /> },
          { key: "up", title: "Up", isNumber: true, cell: (tunnel) => bytes(tunnel.bytesUp) },
          { key: "down", title: "Down", isNumber: true, cell: (tunnel) => bytes(tunnel.bytesDown) },
          { key: "id", title: "Connection id", isWideOnly: true, cell: (tunnel) => <code className="font-mono text-[12px]">{tunnel.connectionId}</code> },
        ]}
      />
    </Section>
  );
}

export function Inventory({ agent }: { agent: Agent }) {
  const { inventory } = agent;
  if (!inventory) {
    return (
      <Section title="Inventory">
        <p className="text-[13px] text-ink-3">Not reported yet.</p>
      </Section>
    );
  }
  return (
    <Section title="Inventory" hint={<>Reported <Time at={agent.inventoryAt} /></>}>
      <Facts
        items={[
          { label: "Operating system", value: `${inventory.osName} ${inventory.osVersion}` },
          { label: "Architecture", value: inventory.architecture },
          { label: "Processor", value: `${inventory.cpuModel}, ${inventory.cpuCount} cores` },
          { label: "Memory", value: bytes(inventory.memoryBytes) },
          { label: "Running for", value: duration(inventory.uptimeSeconds * 1000) },
          ...(inventory.cloudInstanceId === null ? [] : [{ label: "Cloud instance", value: <code className="font-mono text-[12.5px]">{inventory.cloudInstanceId}</code> }]),
          { label: "Addresses", value: <ul className="font-mono text-[12.5px]">{inventory.addresses.map((address) => <li key={`${address.interface}-${address.address}`}>{address.address} <span className="text-ink-3">{address.interface}</span></li>)}</ul> },
          { label: "Disks", value: <ul>{inventory.disks.map((disk) => <li key={disk.mount}><code className="font-mono text-[12.5px]">{disk.mount}</code> {bytes(disk.freeBytes)} of {bytes(disk.totalBytes)} free</li>)}</ul> },
        ]}
      />
      <details className="mt-3">
        <summary className="text-[13px] font-medium">{inventory.packages.length} packages</summary>
        <ul tabIndex={0} aria-label="Packages" className="mt-2 max-h-64 columns-1 overflow-y-auto font-mono text-[12px] sm:columns-2">
          {inventory.packages.slice(0, 5000).map((item) => (
            <li key={`${item.name}-${item.version}`}>
              {item.name} <span className="text-ink-3">{item.version}</span>
            </li>
          ))}
        </ul>
      </details>
    </Section>
  );
}

export function Certificates({ agent }: { agent: Agent }) {
  return (
    <Section title="Certificates" isFlush>
      {agent.certificates.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">None was issued yet.</p>
      ) : (
        <Table
          caption="Certificates"
          rows={agent.certificates}
          rowId={(certificate) => certificate.id}
          rowName={(certificate) => certificate.serial}
          rowHref={(certificate) => routes.certificates.detail(certificate.id)}
          columns={[
            { key: "fingerprint", title: "Fingerprint", cell: (certificate) => <ShortFingerprint hex={certificate.fingerprint} /> },
            { key: "state", title: "State", cell: (certificate) => (certificate.isCurrent ? <State tone="ok">Current</State> : <State tone="idle">Replaced</State>) },
            { key: "until", title: "Valid until", cell: (certificate) => <Time at={certificate.notAfter} /> },
            { key: "serial", title: "Serial", isWideOnly: true, cell: (certificate) => <code className="font-mono text-[12px]">{certificate.serial}</code> },
          ]}
        />
      )}
    </Section>
  );
}

export function AgentLogs({ id }: { id: string }) {
  const [page, setPage] = useState(1);
  const logs = useQuery(useTRPC().agent.logs.queryOptions({ id, page }, { placeholderData: keepPreviousData }));
  return <LogLines title="Uploaded log" none="The agent has uploaded no log lines." query={{ ...logs, data: logs.data && { total: logs.data.total, lines: logs.data.rows.map((row) => ({ id: row.id, at: row.at, tone: undefined, text: row.line })) } }} page={page} onPage={setPage} />;
}
