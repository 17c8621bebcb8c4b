"use client";
/** A batch as one bar: each part has its count written below, so that colour is not needed. */
import { State, type Tone } from "@/app/_ui/state.tsx";
import { batchCounts, type BatchCounts } from "./batch-counts.ts";

const parts = [
  ["done", "Done", "ok", "text-ok"],
  ["failed", "Failed", "fault", "text-fault"],
  ["running", "With the agent", "working", "text-accent"],
  ["cancelled", "Cancelled", "idle", "text-idle"],
  ["waiting", "Waiting", "idle", "text-line-strong"],
] as const satisfies [Exclude<keyof BatchCounts, "total">, string, Tone, string][];

export function BatchBar({ batch }: { batch: Parameters<typeof batchCounts>[0] }) {
  const counts = batchCounts(batch);
  const over = counts.done + counts.failed + counts.cancelled;
  const percent = counts.total === 0 ? 100 : Math.floor((over / counts.total) * 100);
  const share = (key: (typeof parts)[number][0]) => (counts.total === 0 ? 0 : (counts[key] / counts.total) * 1000);
  return (
    <div className="flex flex-col gap-3">
      <div role="progressbar" aria-label="Agents that are finished" aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent} aria-valuetext={`${over} of ${counts.total} agents are finished`} className="h-3 overflow-hidden rounded-full bg-sunken">
        <svg viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true" className="block h-full w-full">
          {parts.map(([key, , , color], index) => (key === "waiting" || share(key) === 0 ? null : <rect key={key} x={parts.slice(0, index).reduce((sum, [before]) => sum + share(before), 0)} width={Math.max(4, share(key) - 2)} height="12" className={color} fill="currentColor" />))}
        </svg>
      </div>
      <ul className="tabular flex flex-wrap gap-x-6 gap-y-1 text-[13px]">
        {parts.filter(([key]) => counts[key] > 0).map(([key, word, tone]) => (
          <li key={key} className="flex items-center gap-2">
            <State tone={tone}>{word}</State>
            <span className="font-semibold">{counts[key]}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
