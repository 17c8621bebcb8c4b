"use client";
/** Live numbers of a service: what runs now, rates between two answers, and small lines over the last hour with the same numbers as a table. */
import { useEffect, useRef, useState } from "react";
import { Section } from "@/app/_ui/page.tsx";
import { bytes, SparkLine } from "@/app/_ui/spark-line.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { ExactTime, Time } from "@/app/_ui/time.tsx";
import type { Outputs } from "@/app/_trpc/client.tsx";

export type Stats = Outputs["virtualService"]["stats"];
type Rates = { opened: number; requests: number; refused: number; bytesUp: number; bytesDown: number };
const totals = ["opened", "requests", "refused", "bytesUp", "bytesDown"] as const;

/** Change per second between the last two answers, `answeredAt` in ms (two that are equal are two all the same); null until there are two. A gateway that started anew counts from nothing: never below 0. */
export function useRates(stats: Stats | undefined, answeredAt: number): Rates | null {
  const before = useRef<{ at: number; load: Stats["load"] } | null>(null);
  const [rates, setRates] = useState<Rates | null>(null);
  useEffect(() => {
    if (!stats) return;
    const last = before.current;
    if (last && answeredAt - last.at < 500) return;
    before.current = { at: answeredAt, load: stats.load };
    if (!last) return;
    const seconds = (answeredAt - last.at) / 1000;
    setRates(Object.fromEntries(totals.map((key) => [key, Math.max(0, (stats.load[key] - last.load[key]) / seconds)])) as Rates);
  }, [stats, answeredAt]);
  return rates;
}

/** "12", "3.4", "0.02": as exact as it is worth. */
function rate(value: number): string {
  return value === 0 ? "0" : value >= 10 ? Math.round(value).toLocaleString("en") : value >= 0.1 ? value.toFixed(1) : "< 0.1";
}

export function ServiceNumbers({ stats, answeredAt, isHttp }: { stats: Stats | undefined; answeredAt: number; isHttp: boolean }) {
  const rates = useRates(stats, answeredAt);
  const samples = stats?.samples ?? [];
  const line = (key: keyof Stats["samples"][number]) => samples.map((sample) => Number(sample[key]));
  const perSecond = (value: number | undefined) => (rates === null || value === undefined ? "–" : `${rate(value)}/s`);
  const load = stats?.load;
  return (
    <Section title="Now, and the last hour" hint={samples.length === 0 ? "Lines appear once a gateway has reported for some minutes." : undefined}>
      <div className="grid grid-cols-1 gap-x-8 gap-y-4 @md:grid-cols-2 @3xl:grid-cols-3">
        <SparkLine label="Connections" values={line("connections")} last={load ? load.connections.toLocaleString("en") : "–"} />
        <SparkLine label="New connections" values={line("opened")} last={perSecond(rates?.opened)} />
        {isHttp && <SparkLine label="Requests" values={line("requests")} last={perSecond(rates?.requests)} />}
        <SparkLine label="Refused" values={line("refused")} last={perSecond(rates?.refused)} />
        <SparkLine label="From clients" values={line("bytesUp")} last={rates === null ? "–" : `${bytes(rates.bytesUp)}/s`} />
        <SparkLine label="To clients" values={line("bytesDown")} last={rates === null ? "–" : `${bytes(rates.bytesDown)}/s`} />
      </div>
      {isHttp && load && load.responses.some((count) => count > 0) && (
        <p className="tabular mt-3 text-[13px] text-ink-2">
          <span className="text-ink-3">Responses since the gateways&apos; start: </span>
          {load.responses.map((count, index) => ({ count, label: `${index + 1}xx` })).filter(({ count }) => count > 0).map(({ count, label }) => `${label} ${count.toLocaleString("en")}`).join(", ")}
        </p>
      )}
      {stats && (stats.perGateway.length > 1 || samples.length > 0) && (
        <details className="mt-3 text-[13px]">
          <summary className="cursor-pointer font-medium text-ink-2">The same as tables</summary>
          <div className="mt-2 flex flex-col gap-4">
            <Table caption="By gateway" rows={stats.perGateway} rowId={(row) => row.gateway.id} rowName={(row) => row.gateway.name} columns={[
              { key: "gateway", title: "Gateway", cell: (row) => row.gateway.name },
              { key: "connections", title: "Connections", isNumber: true, cell: (row) => row.load.connections.toLocaleString("en") },
              { key: "opened", title: "Opened since its start", isNumber: true, cell: (row) => row.load.opened.toLocaleString("en") },
              { key: "refused", title: "Refused", isNumber: true, cell: (row) => row.load.refused.toLocaleString("en") },
              { key: "up", title: "From clients", isNumber: true, cell: (row) => bytes(row.load.bytesUp) },
              { key: "down", title: "To clients", isNumber: true, cell: (row) => bytes(row.load.bytesDown) },
              { key: "at", title: "Reported", cell: (row) => <Time at={row.at} /> },
            ]} />
            {samples.length > 0 && (
              <div className="max-h-72 overflow-y-auto">
                <Table caption="The last hour" rows={samples.toReversed()} rowId={(row) => row.at} rowName={(row) => row.at} columns={[
                  { key: "at", title: "Until", cell: (row) => <ExactTime at={row.at} /> },
                  { key: "connections", title: "Connections", isNumber: true, cell: (row) => row.connections.toLocaleString("en") },
                  { key: "opened", title: "Opened", isNumber: true, cell: (row) => row.opened.toLocaleString("en") },
                  ...(isHttp ? [{ key: "requests", title: "Requests", isNumber: true, cell: (row: Stats["samples"][number]) => row.requests.toLocaleString("en") }] : []),
                  { key: "refused", title: "Refused", isNumber: true, cell: (row) => row.refused.toLocaleString("en") },
                  { key: "up", title: "From clients", isNumber: true, cell: (row) => bytes(row.bytesUp) },
                  { key: "down", title: "To clients", isNumber: true, cell: (row) => bytes(row.bytesDown) },
                ]} />
              </div>
            )}
          </div>
        </details>
      )}
    </Section>
  );
}
