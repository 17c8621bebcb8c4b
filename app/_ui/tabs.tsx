"use client";
/** Two or three views of one matter, each with an address of its own. */
import Link from "next/link";
import { cx } from "./cx.ts";

export type Tab = { label: string; href: string; isHere: boolean; /** What waits there; shown when above zero. */ count?: number | undefined };

export function Tabs({ label, tabs }: { label: string; tabs: Tab[] }) {
  return (
    <nav aria-label={label} className="mb-4 flex gap-5 border-b border-line">
      {tabs.map((tab) => (
        <Link key={tab.href} href={tab.href} aria-current={tab.isHere ? "page" : undefined} className={cx("-mb-px inline-flex items-center gap-2 border-b-2 pb-2 text-[14px]", tab.isHere ? "border-accent font-semibold text-ink" : "border-transparent text-ink-2 hover:text-ink")}>
          {tab.label}
          {tab.count !== undefined && tab.count > 0 && <span className="tabular rounded-full bg-accent-tint px-2 text-[12px] font-semibold text-accent">{tab.count}</span>}
        </Link>
      ))}
    </nav>
  );
}
