"use client";
/** The one table: 40 px rows, 13 px text, tabular figures; below 768 px each row becomes a card with the same order of importance. */
import { CaretDown, CaretUp } from "@phosphor-icons/react";
import Link from "next/link";
import type { ReactNode } from "react";
import { cx } from "./cx.ts";
import { useNarrow } from "./use-narrow.ts";

export type Column<R> = {
  key: string;
  title: string;
  cell: (row: R) => ReactNode;
  /** Name of the column the server sorts by; left out: not sortable. */
  sort?: string;
  isNumber?: boolean;
  /** Not shown on cards. */
  isWideOnly?: boolean;
};

export type Sorting = { sort: string; desc: boolean; onSort: (sort: string, desc: boolean) => void };
export type Selection = { selected: ReadonlySet<string>; onChange: (selected: Set<string>) => void };

type TableProps<R> = {
  caption: string;
  columns: Column<R>[];
  rows: R[];
  rowId: (row: R) => string;
  /** Accessible name of a row: its object's name. */
  rowName: (row: R) => string;
  /** The first column links here. */
  rowHref?: ((row: R) => string) | undefined;
  sorting?: Sorting | undefined;
  selection?: Selection | undefined;
  rowActions?: ((row: R) => ReactNode) | undefined;
};

export function Table<R>(properties: TableProps<R>) {
  return useNarrow() ? <Cards {...properties} /> : <Wide {...properties} />;
}

function Wide<R>({ caption, columns, rows, rowId, rowName, rowHref, sorting, selection, rowActions }: TableProps<R>) {
  const all = rows.map(rowId);
  const isAllSelected = all.length > 0 && all.every((id) => selection?.selected.has(id));
  return (
    <div className="overflow-x-auto" role="region" aria-label={caption} tabIndex={0}>
      <table className="tabular w-full border-collapse text-left text-[13px]">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="h-9 border-b border-line text-ink-3">
            {selection && (
              <th scope="col" className="w-10 pl-4">
                <input type="checkbox" aria-label="Select all rows of this page" className="block size-4 accent-accent" checked={isAllSelected} onChange={() => selection.onChange(isAllSelected ? new Set() : new Set(all))} />
              </th>
            )}
            {columns.map((column) => (
              <HeaderCell key={column.key} column={column} sorting={sorting} />
            ))}
            {rowActions && (
              <th scope="col" className="pr-4">
                <span className="sr-only">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowId(row)} className={cx("h-10 border-b border-line last:border-b-0 hover:bg-sunken", selection?.selected.has(rowId(row)) && "bg-accent-tint")}>
              {selection && (
                <td className="w-10 pl-4">
                  <RowCheck id={rowId(row)} name={rowName(row)} selection={selection} />
                </td>
              )}
              {columns.map((column, index) => (
                <td key={column.key} className={cx("max-w-[26rem] px-3 py-1.5 first:pl-4 last:pr-4", column.isNumber && "text-right")}>
                  {index === 0 && rowHref ? (
                    <Link href={rowHref(row)} className="font-medium text-ink hover:text-accent hover:underline">
                      {column.cell(row)}
                    </Link>
                  ) : (
                    column.cell(row)
                  )}
                </td>
              ))}
              {rowActions && <td className="py-1 pr-4 text-right">{rowActions(row)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function HeaderCell<R>({ column, sorting }: { column: Column<R>; sorting: Sorting | undefined }) {
  const className = cx("px-3 text-[12px] font-medium whitespace-nowrap first:pl-4 last:pr-4", column.isNumber && "text-right");
  if (!sorting || column.sort === undefined) {
    return (
      <th scope="col" className={className}>
        {column.title}
      </th>
    );
  }
  const isSorted = sorting.sort === column.sort;
  const Caret = sorting.desc ? CaretDown : CaretUp;
  const next = column.sort;
  return (
    <th scope="col" className={className} aria-sort={isSorted ? (sorting.desc ? "descending" : "ascending") : "none"}>
      <button type="button" className={cx("inline-flex items-center gap-1 rounded-sm hover:text-ink", isSorted && "text-ink")} onClick={() => sorting.onSort(next, isSorted ? !sorting.desc : false)}>
        {column.title}
        {isSorted && <Caret aria-hidden="true" size={12} weight="bold" />}
      </button>
    </th>
  );
}

function RowCheck({ id, name, selection }: { id: string; name: string; selection: Selection }) {
  const isSelected = selection.selected.has(id);
  const toggle = () => {
    const next = new Set(selection.selected);
    if (isSelected) next.delete(id);
    else next.add(id);
    selection.onChange(next);
  };
  return <input type="checkbox" aria-label={`Select ${name}`} className="block size-4 accent-accent" checked={isSelected} onChange={toggle} />;
}

function Cards<R>({ caption, columns, rows, rowId, rowName, rowHref, selection, rowActions }: TableProps<R>) {
  const [first, ...rest] = columns;
  return (
    <ul aria-label={caption} className="divide-y divide-line">
      {rows.map((row) => (
        <li key={rowId(row)} className="flex gap-3 px-4 py-3">
          {selection && (
            <span className="pt-1">
              <RowCheck id={rowId(row)} name={rowName(row)} selection={selection} />
            </span>
          )}
          <div className="min-w-0 flex-1">
            <div className="text-[14px] font-semibold break-words">
              {first && rowHref ? (
                <Link href={rowHref(row)} className="hover:underline">
                  {first.cell(row)}
                </Link>
              ) : (
                first?.cell(row)
              )}
            </div>
            <dl className="tabular mt-1 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1 text-[13px]">
              {rest
                .filter((column) => !column.isWideOnly)
                .map((column) => (
                  <div key={column.key} className="contents">
                    <dt className="text-ink-3">{column.title}</dt>
                    <dd className="min-w-0 break-words">{column.cell(row)}</dd>
                  </div>
                ))}
            </dl>
            {rowActions && <div className="mt-2 flex flex-wrap gap-2">{rowActions(row)}</div>}
          </div>
        </li>
      ))}
    </ul>
  );
}
