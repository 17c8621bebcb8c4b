"use client";
/** Choosing some of many objects: what is chosen on top, a searched list with check boxes below. */
import { X } from "@phosphor-icons/react";
import { type ReactNode, useId, useState } from "react";
import { FieldError } from "./fields.tsx";

export type PickItem = { id: string; name: string; note?: ReactNode };

/**
 * `items` are those that match `search` now, `total` how many match in all. `known` gives the names of chosen ones that are not among them.
 */
export function Picker({ legend, hint, error, value, onChange, items, total, search, onSearch, known = [], none }: { legend: string; hint?: ReactNode; error?: string | undefined; value: readonly string[]; onChange: (ids: string[]) => void; items: PickItem[] | undefined; total: number; search: string; onSearch: (text: string) => void; known?: PickItem[]; none: ReactNode }) {
  const id = useId();
  const [seen, setSeen] = useState<Map<string, string>>(() => new Map());
  const nameOf = (wanted: string) => items?.find((item) => item.id === wanted)?.name ?? known.find((item) => item.id === wanted)?.name ?? seen.get(wanted) ?? wanted.slice(0, 8);
  const toggle = (item: PickItem) => {
    setSeen((before) => new Map(before).set(item.id, item.name));
    onChange(value.includes(item.id) ? value.filter((other) => other !== item.id) : [...value, item.id]);
  };
  return (
    <fieldset className="flex min-w-0 flex-col gap-2" aria-describedby={error ? `${id}-error` : undefined}>
      <legend className="mb-1.5 text-[13px] font-medium">
        {legend} <span className="tabular font-normal text-ink-3">({value.length} chosen)</span>
      </legend>
      {hint && <p className="text-[13px] text-ink-3">{hint}</p>}
      {value.length > 0 && (
        <ul className="flex flex-wrap gap-1.5">
          {value.slice(0, 60).map((chosen) => (
            <li key={chosen}>
              <button type="button" onClick={() => onChange(value.filter((other) => other !== chosen))} aria-label={`Remove ${nameOf(chosen)}`} className="inline-flex max-w-full items-center gap-1 rounded border border-line bg-sunken px-2 py-0.5 text-[13px] hover:border-line-strong">
                <span className="truncate">{nameOf(chosen)}</span>
                <X aria-hidden="true" size={12} />
              </button>
            </li>
          ))}
          {value.length > 60 && <li className="text-[13px] text-ink-3">and {value.length - 60} more</li>}
        </ul>
      )}
      {items !== undefined && total === 0 && search === "" ? (
        <p className="text-[13px] text-ink-3">{none}</p>
      ) : (
        <div className="rounded-md border border-line-strong">
          {(total > 8 || search !== "") && <input type="search" aria-label={`Search ${legend.toLowerCase()}`} placeholder="Search" value={search} onChange={(event) => onSearch(event.target.value)} className="control rounded-b-none border-0 border-b border-line" />}
          <div className="max-h-56 overflow-y-auto py-1" role="group" aria-label={`${legend}: matches`} tabIndex={-1}>
            {items === undefined && <p className="px-3 py-1.5 text-[13px] text-ink-3">Loading</p>}
            {items?.length === 0 && <p className="px-3 py-1.5 text-[13px] text-ink-3">Nothing matches.</p>}
            {items?.map((item) => (
              <label key={item.id} className="flex items-center gap-2.5 px-3 py-1.5 text-[13px] hover:bg-sunken">
                <input type="checkbox" className="size-4 shrink-0 accent-accent" checked={value.includes(item.id)} onChange={() => toggle(item)} />
                <span className="min-w-0 truncate">{item.name}</span>
                {item.note && <span className="ml-auto max-w-[60%] shrink-0 truncate text-ink-3">{item.note}</span>}
              </label>
            ))}
            {items && total > items.length && <p className="px-3 py-1.5 text-[13px] text-ink-3">{total - items.length} more; search to narrow</p>}
          </div>
        </div>
      )}
      {error && <FieldError id={`${id}-error`} text={error} />}
    </fieldset>
  );
}
