"use client";
/** Frames of pages: header with its one sentence, sections, facts, and the two-column detail. */
import { CaretRight } from "@phosphor-icons/react";
import Link from "next/link";
import { type ReactNode, useEffect } from "react";

/** Names the browser tab after what is shown. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · Sallyport`;
  }, [title]);
}

export function PageHeader({ title, purpose, crumb, actions }: { title: ReactNode; purpose?: ReactNode; crumb?: { label: string; href: string }; actions?: ReactNode }) {
  return (
    <header className="mb-5 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        {crumb && (
          <nav aria-label="Breadcrumb" className="mb-0.5 flex items-center gap-1 text-[13px]">
            <Link href={crumb.href} className="text-accent hover:underline">
              {crumb.label}
            </Link>
            <CaretRight aria-hidden="true" size={12} className="text-ink-3" />
          </nav>
        )}
        <h1 className="text-[20px] leading-7 font-semibold break-words">{title}</h1>
        {purpose && <p className="mt-0.5 max-w-2xl text-ink-2">{purpose}</p>}
      </div>
      {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  );
}

export function Section({ title, hint, actions, children, isFlush = false }: { title: string; hint?: ReactNode; actions?: ReactNode; children: ReactNode; isFlush?: boolean }) {
  return (
    <section className="rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-center justify-between gap-2 px-4 pt-3 pb-2">
        <div className="min-w-0">
          <h2 className="text-[14px] font-semibold">{title}</h2>
          {hint && <p className="text-[13px] text-ink-3">{hint}</p>}
        </div>
        {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      <div className={isFlush ? "" : "@container px-4 pb-4"}>{children}</div>
    </section>
  );
}

/** Label and value, one under the other where there is little room. Stands in a Section or another container. */
export function Facts({ items }: { items: { label: string; value: ReactNode }[] }) {
  return (
    <dl className="grid grid-cols-1 gap-x-6 gap-y-0.5 text-[13px] @md:gap-y-2 @md:grid-cols-[minmax(9rem,12rem)_minmax(0,1fr)]">
      {items.map((item) => (
        <div key={item.label} className="contents">
          <dt className="pt-px text-ink-3">{item.label}</dt>
          <dd className="mb-1.5 min-w-0 break-words @md:mb-0">{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Links to other objects, comma after comma; says so when there are none. */
export function LinkList({ items, none }: { items: { id: string; name: string; href: string; note?: ReactNode }[]; none: string }) {
  if (items.length === 0) return <p className="text-[13px] text-ink-3">{none}</p>;
  return (
    <ul className="flex flex-col gap-1 text-[13px]">
      {items.map((item) => (
        <li key={item.id} className="flex flex-wrap items-baseline gap-x-2">
          <Link href={item.href} className="font-medium text-accent hover:underline">
            {item.name}
          </Link>
          {item.note && <span className="text-ink-3">{item.note}</span>}
        </li>
      ))}
    </ul>
  );
}

/** Two columns where there is room: what matters first on the left, relations on the right. */
export function Columns({ main, side }: { main: ReactNode; side: ReactNode }) {
  return (
    <div className="mt-4 grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="flex min-w-0 flex-col gap-4">{main}</div>
      <div className="flex min-w-0 flex-col gap-4">{side}</div>
    </div>
  );
}
