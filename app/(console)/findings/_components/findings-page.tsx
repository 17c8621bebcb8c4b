"use client";
/** Findings over the whole organisation: settings that work today and hurt tomorrow, worst first, with severity and kind in the address. */
import { ArrowClockwise } from "@phosphor-icons/react";
import { useQuery } from "@tanstack/react-query";
import { parseAsStringLiteral, useQueryStates } from "nuqs";
import { useState } from "react";
import { type Finding, finding as findingSchema, findingSeverity } from "@/contract/finding.ts";
import { docs } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Empty, LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { FindingList, severityTone, worstFirst } from "../../_shared/findings.tsx";
import { counted } from "../../_shared/service-words.tsx";

const kindTitle = { virtualService: "Virtual services", pool: "Pools", gateway: "Gateways", certificate: "Certificates", policy: "Policies", server: "Servers", site: "Sites", agent: "Agents", relay: "Relays", reachRule: "Reach rules", organisation: "Organisation" } as const satisfies Record<Finding["object"]["kind"], string>;
const kinds = findingSchema.shape.object.shape.kind.options;
const severityTitle = { error: "Errors", warning: "Warnings", note: "Notes" } as const;

/** Findings shown at first, and more at each request. */
const step = 100;

export function FindingsPage() {
  useTitle("Findings");
  const [filters, setFilters] = useQueryStates({ severity: parseAsStringLiteral(findingSeverity.options), kind: parseAsStringLiteral(kinds) }, { history: "replace" });
  const [limit, setLimit] = useState(step);
  const lint = useQuery(useTRPC().lint.run.queryOptions({}));
  const shown = lint.data?.findings.filter((entry) => (filters.severity === null || entry.severity === filters.severity) && (filters.kind === null || entry.object.kind === filters.kind)) ?? [];
  return (
    <>
      <PageHeader
        title="Findings"
        purpose="Settings that work today and hurt tomorrow, and what hurts already: each with its cure. The command line prints the same with sallyport lint."
        actions={
          <Button icon={ArrowClockwise} isBusy={lint.isFetching} onClick={() => void lint.refetch()}>
            Look again
          </Button>
        }
      />
      {lint.error && !lint.data ? (
        <LoadError error={lint.error} onRetry={() => void lint.refetch()} />
      ) : !lint.data ? (
        <div className="rounded-lg border border-line bg-surface p-4"><Skeleton lines={8} /></div>
      ) : (
        <div className="rounded-lg border border-line bg-surface">
          {lint.data.findings.length === 0 ? (
            <Empty title="Nothing found" why="Names, certificates, balancing, health checks and neighbours were looked at, and nothing stands out." docs={docs.findings} />
          ) : (
            <>
              <div role="search" className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-3">
                <p role="status" className="mr-auto flex flex-wrap gap-x-4 gap-y-1 text-[13px]">
                  {findingSeverity.options.filter((severity) => lint.data.counts[severity] > 0).map((severity) => <State key={severity} tone={severityTone[severity]}>{counted(lint.data.counts[severity], severity)}</State>)}
                  <span className="text-ink-3">looked <Time at={lint.data.checkedAt} /></span>
                </p>
                <select aria-label="Severity" className="control w-auto" value={filters.severity ?? ""} onChange={(event) => void setFilters({ severity: event.target.value === "" ? null : (event.target.value as Finding["severity"]) })}>
                  <option value="">Severity: all</option>
                  {findingSeverity.options.map((severity) => <option key={severity} value={severity}>{severityTitle[severity]}</option>)}
                </select>
                <select aria-label="About" className="control w-auto" value={filters.kind ?? ""} onChange={(event) => void setFilters({ kind: event.target.value === "" ? null : (event.target.value as Finding["object"]["kind"]) })}>
                  <option value="">About: all</option>
                  {kinds.filter((kind) => lint.data.findings.some((entry) => entry.object.kind === kind)).map((kind) => <option key={kind} value={kind}>{kindTitle[kind]}</option>)}
                </select>
              </div>
              <div className="px-4 py-3">
                {shown.length === 0 ? <p className="py-6 text-center text-[13px] text-ink-3">Nothing of this kind.</p> : <FindingList findings={worstFirst(shown).slice(0, limit)} isNamed />}
                {shown.length > limit && <div className="mt-3 border-t border-line pt-3"><Button size="small" onClick={() => setLimit(limit + step)}>Show {Math.min(step, shown.length - limit)} more of {shown.length}</Button></div>}
              </div>
            </>
          )}
        </div>
      )}
    </>
  );
}
