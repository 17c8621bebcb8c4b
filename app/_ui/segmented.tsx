"use client";
/** One switch with a few positions, and the consequence of the chosen one written under it. */
import type { ReactNode } from "react";
import { cx } from "./cx.ts";
import { FieldError } from "./fields.tsx";

export type Segment<V extends string> = { value: V; label: string; /** Other names people know it by. */ alias?: string };

export function Segmented<V extends string>({ legend, name, value, onChange, segments, consequence, error, notes }: { legend: string; name: string; value: V; onChange: (value: V) => void; segments: Segment<V>[]; consequence?: ReactNode; error?: string | undefined; notes?: ReactNode }) {
  return (
    <fieldset className="@container flex min-w-0 flex-col gap-2">
      <legend className="mb-1.5 text-[13px] font-medium">{legend}</legend>
      <div className="grid grid-cols-1 overflow-hidden rounded-md border border-line-strong @xl:auto-cols-fr @xl:grid-flow-col @xl:grid-cols-none">
        {segments.map((segment) => {
          const isChosen = segment.value === value;
          return (
            <label key={segment.value} className={cx("relative flex cursor-pointer flex-col border-t border-line px-3 py-2 text-[14px] first:border-t-0 has-focus-visible:outline-2 has-focus-visible:-outline-offset-2 has-focus-visible:outline-accent @xl:border-t-0 @xl:border-l @xl:text-center @xl:first:border-l-0", isChosen ? "bg-accent-tint" : "hover:bg-sunken")}>
              <input type="radio" name={name} value={segment.value} checked={isChosen} onChange={() => onChange(segment.value)} className="absolute inset-0 m-0 size-full cursor-pointer opacity-0" />
              <span className={cx("font-medium", isChosen && "text-accent")}>{segment.label}</span>
              {segment.alias && <span className="text-[12px] text-ink-3">{segment.alias}</span>}
              {isChosen && <span aria-hidden="true" className="absolute inset-y-0 left-0 w-[3px] bg-accent @xl:inset-x-0 @xl:top-auto @xl:bottom-0 @xl:h-[3px] @xl:w-auto" />}
            </label>
          );
        })}
      </div>
      {consequence && <div aria-live="polite" className="text-[13px] text-ink-2">{consequence}</div>}
      {error && <FieldError text={error} />}
      {notes}
    </fieldset>
  );
}
