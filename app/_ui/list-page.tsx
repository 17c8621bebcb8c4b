"use client";
/** The list pattern: title and its sentence, search and filters from the address, table or cards, paging, bulk bar, and the designed states around them. */
import { CaretLeft, CaretRight, MagnifyingGlass, X } from "@phosphor-icons/react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { pageSizes } from "@/contract/list.ts";
import { Button } from "./button.tsx";
import { Empty, LoadError, Skeleton } from "./notice.tsx";
import { PageHeader, useTitle } from "./page.tsx";
import { type Column, Table } from "./table.tsx";

export type Filter = { name: string; label: string; options: { value: string; label: string }[] };

type ListStateView = {
  input: { search: string; sort: string; desc: boolean; page: number; pageSize: number };
  filters: Record<string, string | null>;
  setSearch: (search: string) => void;
  setFilter: (name: string, value: string | null) => void;
  setSort: (sort: string, desc: boolean) => void;
  setPage: (page: number) => void;
  setPageSize: (size: number) => void;
  isNarrowed: boolean;
  clear: () => void;
};

export type ListQuery<R> = { data: { rows: R[]; total: number } | undefined; error: unknown; isPending: boolean; isFetching: boolean; refetch: () => unknown };

export type ListPageProps<R> = {
  title: string;
  purpose: string;
  /** What the rows are called, for "12 gateways". */
  noun: [one: string, many: string];
  action?: ReactNode;
  list: ListStateView;
  query: ListQuery<R>;
  columns: Column<R>[];
  rowId: (row: R) => string;
  rowName: (row: R) => string;
  rowHref?: (row: R) => string;
  rowActions?: (row: R) => ReactNode;
  filters?: Filter[];
  /** Actions on the selected rows; shown once something is selected. */
  bulk?: (selected: R[], clear: () => void) => ReactNode;
  empty: { title: string; why: string; action?: ReactNode; docs?: string };
  /** Between header and table, such as a summary. */
  above?: ReactNode;
};

export function ListPage<R>({ title, purpose, noun, action, list, query, columns, rowId, rowName, rowHref, rowActions, filters = [], bulk, empty, above }: ListPageProps<R>) {
  useTitle(title);
  const [selected, setSelected] = useState<Set<string>>(() => new Set());
  const rows = query.data?.rows ?? [];
  const chosen = rows.filter((row) => selected.has(rowId(row)));
  const isEmpty = query.data !== undefined && query.data.total === 0;
  const isReallyEmpty = isEmpty && !list.isNarrowed;
  return (
    <>
      <PageHeader title={title} purpose={purpose} actions={isReallyEmpty ? undefined : action} />
      {above}
      <div className="rounded-lg border border-line bg-surface">
        {!isReallyEmpty && <Toolbar list={list} filters={filters} noun={noun} />}
        {bulk && chosen.length > 0 && (
          <div role="region" aria-label="Actions on selected rows" className="flex flex-wrap items-center gap-2 border-y border-line bg-accent-tint px-4 py-2">
            <span className="mr-2 text-[13px] font-medium">{chosen.length} selected</span>
            {bulk(chosen, () => setSelected(new Set()))}
            <Button look="quiet" size="small" icon={X} onClick={() => setSelected(new Set())}>
              Clear selection
            </Button>
          </div>
        )}
        {query.error !== null && query.data === undefined ? (
          <div className="p-4">
            <LoadError error={query.error} onRetry={() => void query.refetch()} />
          </div>
        ) : query.data === undefined ? (
          <div className="px-4 pb-4">
            <Skeleton lines={8} />
          </div>
        ) : isReallyEmpty ? (
          <Empty {...empty} />
        ) : isEmpty ? (
          <div className="flex flex-col items-center gap-3 px-6 py-12 text-center">
            <p className="font-medium">Nothing matches this search.</p>
            <Button onClick={list.clear}>Clear search and filters</Button>
          </div>
        ) : (
          <>
            <Table caption={title} columns={columns} rows={rows} rowId={rowId} rowName={rowName} rowHref={rowHref} rowActions={rowActions} sorting={{ sort: list.input.sort, desc: list.input.desc, onSort: list.setSort }} selection={bulk ? { selected, onChange: setSelected } : undefined} />
            <Pager list={list} total={query.data.total} noun={noun} />
          </>
        )}
      </div>
    </>
  );
}

function Toolbar({ list, filters, noun }: { list: ListStateView; filters: Filter[]; noun: [string, string] }) {
  return (
    <div role="search" className="flex flex-wrap items-center gap-2 px-4 py-3">
      <SearchBox value={list.input.search} onChange={list.setSearch} label={`Search ${noun[1]}`} />
      {filters.map((filter) => (
        <select key={filter.name} aria-label={filter.label} className="control w-auto max-w-full sm:max-w-56" value={list.filters[filter.name] ?? ""} onChange={(event) => list.setFilter(filter.name, event.target.value === "" ? null : event.target.value)}>
          <option value="">{filter.label}: all</option>
          {filter.options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      ))}
      {list.isNarrowed && (
        <Button look="quiet" icon={X} onClick={list.clear}>
          Clear
        </Button>
      )}
    </div>
  );
}

/** Sends what was typed after a short pause; "/" puts the cursor here. */
function SearchBox({ value, onChange, label }: { value: string; onChange: (text: string) => void; label: string }) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const send = useRef(onChange);
  useEffect(() => {
    send.current = onChange;
  });
  useEffect(() => {
    if (value === "") setText("");
  }, [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => send.current(text), 250);
    return () => clearTimeout(timer);
    // Only typing starts the pause.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <div className="relative min-w-[12rem] flex-1 sm:max-w-xs">
      <MagnifyingGlass aria-hidden="true" size={16} className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-ink-3" />
      <input ref={input} type="search" aria-label={label} placeholder={label} value={text} onChange={(event) => setText(event.target.value)} className="control pl-8" maxLength={200} autoComplete="off" />
    </div>
  );
}

function Pager({ list, total, noun }: { list: ListStateView; total: number; noun: [string, string] }) {
  const { page, pageSize } = list.input;
  const pages = Math.max(1, Math.ceil(total / pageSize));
  const first = (page - 1) * pageSize + 1;
  return (
    <div className="tabular flex flex-wrap items-center justify-between gap-3 border-t border-line px-4 py-2 text-[13px] text-ink-3">
      <p role="status">{pages === 1 ? `${total} ${total === 1 ? noun[0] : noun[1]}` : `${first} to ${Math.min(total, page * pageSize)} of ${total} ${noun[1]}`}</p>
      {total > 25 && (
        <div className="flex flex-wrap items-center gap-2">
          <label className="flex items-center gap-1.5">
            Rows
            <select className="control min-h-7 w-auto py-0.5 text-[13px]" value={pageSize} onChange={(event) => list.setPageSize(Number(event.target.value))}>
              {pageSizes.map((size) => (
                <option key={size}>{size}</option>
              ))}
            </select>
          </label>
          <Button size="small" icon={CaretLeft} aria-label="Previous page" disabled={page <= 1} onClick={() => list.setPage(page - 1)} />
          <span>
            Page {page} of {pages}
          </span>
          <Button size="small" icon={CaretRight} aria-label="Next page" disabled={page >= pages} onClick={() => list.setPage(page + 1)} />
        </div>
      )}
    </div>
  );
}
