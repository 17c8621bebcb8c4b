"use client";
/** Refused connections: by cause first, then each one with reason, cure and the certificate that came. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { refusalCodes, refusals } from "@/contract/error-codes.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Facts } from "@/app/_ui/page.tsx";
import { ExactTime, Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";

type RefusalRow = Outputs["refusal"]["list"]["rows"][number];

export function RefusalListPage() {
  const list = useListState({ sorts: ["at", "code", "source"], standard: "at", standardDesc: true, choices: { code: refusalCodes, gatewayId: "text", agentId: "text" } });
  const query = useQuery(useTRPC().refusal.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const [shown, setShown] = useState<RefusalRow>();
  return (
    <>
      <ListPage
        title="Refusals"
        purpose="Connections that were turned away, with the reason and what to do about it."
        noun={["refusal", "refusals"]}
        list={list}
        query={query}
        above={<Causes chosen={list.filters["code"] ?? null} onChoose={(code) => list.setFilter("code", code)} />}
        rowId={(row) => row.id}
        rowName={(row) => `refusal from ${row.source}`}
        filters={[{ name: "code", label: "Cause", options: refusalCodes.map((code) => ({ value: code, label: refusals[code].sentence })) }]}
        columns={[
          {
            key: "sentence",
            title: "What happened",
            sort: "code",
            cell: (row) => (
              <button type="button" onClick={() => setShown(row)} className="text-left font-medium hover:text-accent hover:underline">
                {row.sentence}
              </button>
            ),
          },
          { key: "at", title: "When", sort: "at", cell: (row) => <Time at={row.at} /> },
          { key: "source", title: "Source", sort: "source", cell: (row) => <code className="font-mono text-[12px]">{row.source}</code> },
          { key: "gateway", title: "At", cell: (row) => (row.gateway ? <Link className="hover:underline" href={routes.gateways.detail(row.gateway.id)}>{row.gateway.name}</Link> : "agent site") },
          { key: "agent", title: "Agent", cell: (row) => (row.agent ? <Link className="hover:underline" href={routes.agents.detail(row.agent.id)}>{row.agent.name}</Link> : <span className="text-ink-3">unknown</span>) },
          { key: "target", title: "Asked for", cell: (row) => <code className="font-mono text-[12px] break-all">{row.target ?? ""}</code> },
          { key: "count", title: "Times", isNumber: true, cell: (row) => row.count },
        ]}
        empty={{ title: "No refusals", why: "Nobody was turned away. When a gateway refuses a connection, it appears here within 2 seconds, with the reason.", docs: docs.refusals }}
      />
      {shown && <RefusalDialog row={shown} onClose={() => setShown(undefined)} />}
    </>
  );
}

function Causes({ chosen, onChoose }: { chosen: string | null; onChoose: (code: string | null) => void }) {
  const summary = useQuery(useTRPC().refusal.summary.queryOptions());
  if (!summary.data || summary.data.causes.length === 0) return null;
  const max = Math.max(...summary.data.causes.map((cause) => cause.count));
  return (
    <section aria-labelledby="causes" className="mb-4 rounded-lg border border-line bg-surface p-4">
      <h2 id="causes" className="mb-2 text-[14px] font-semibold">
        {summary.data.total} in the last 24 hours, by cause
      </h2>
      <ul className="flex flex-col gap-px">
        {summary.data.causes.map((cause) => (
          <li key={cause.code}>
            <button type="button" aria-pressed={chosen === cause.code} onClick={() => onChoose(chosen === cause.code ? null : cause.code)} className={cx("grid w-full grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 rounded-md px-2 py-1.5 text-left text-[13px] sm:grid-cols-[minmax(0,1fr)_10rem_3.5rem_7rem]", chosen === cause.code ? "bg-accent-tint" : "hover:bg-sunken")}>
              <span className="min-w-0">{cause.sentence}</span>
              <svg viewBox="0 0 160 6" preserveAspectRatio="none" className="hidden h-1.5 w-full text-warn sm:block" aria-hidden="true">
                <rect width={Math.max(2, (cause.count / max) * 160)} height="6" rx="1.5" fill="currentColor" />
              </svg>
              <span className="tabular text-right font-semibold">{cause.count}</span>
              <span className="hidden text-right text-ink-3 sm:block">
                <Time at={cause.lastAt} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RefusalDialog({ row, onClose }: { row: RefusalRow; onClose: () => void }) {
  const { certificate } = row;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={row.sentence}
      actions={
        <Button look="primary" onClick={onClose}>
          Close
        </Button>
      }
    >
      <p className="text-[14px]">
        <span className="font-medium">What to do: </span>
        {row.cure}
      </p>
      <p className="text-[13px] text-ink-2">{row.detail}</p>
      <Facts
        items={[
          { label: "When", value: <ExactTime at={row.at} /> },
          { label: "Source", value: <code className="font-mono text-[12px]">{row.source}</code> },
          { label: "At", value: row.gateway?.name ?? "agent site" },
          { label: "Agent", value: row.agent ? <Link className="text-accent hover:underline" href={routes.agents.detail(row.agent.id)}>{row.agent.name}</Link> : "unknown" },
          { label: "Asked for", value: row.target ?? "nothing yet" },
          { label: "Code", value: <code className="font-mono text-[12px]">{row.code}</code> },
          { label: "Connection id", value: <code className="font-mono text-[12px]">{row.connectionId}</code> },
          { label: "Times", value: row.count },
        ]}
      />
      {certificate ? (
        <>
          <h3 className="mt-1 text-[13px] font-semibold">Certificate that came</h3>
          <Facts
            items={[
              { label: "Subject", value: certificate.subject },
              { label: "Issuer", value: certificate.issuer },
              { label: "Serial", value: <code className="font-mono text-[12px] break-all">{certificate.serial}</code> },
              { label: "Holds", value: `${certificate.notBefore} to ${certificate.notAfter}` },
              { label: "Fingerprint", value: <Fingerprint hex={certificate.fingerprint} name="SHA-256 fingerprint" /> },
            ]}
          />
        </>
      ) : (
        <p className="text-[13px] text-ink-3">No certificate came with it.</p>
      )}
    </Dialog>
  );
}
