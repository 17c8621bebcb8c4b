"use client";
/** A state: always icon, word and colour together, so that none of them is needed alone. */
import { CheckCircle, CircleDashed, CircleNotch, type Icon, Warning, WarningOctagon } from "@phosphor-icons/react";
import type { ReactNode } from "react";
import { cx } from "./cx.ts";

export type Tone = "ok" | "warn" | "fault" | "idle" | "working";

const toneIcon = { ok: CheckCircle, warn: Warning, fault: WarningOctagon, idle: CircleDashed, working: CircleNotch } as const satisfies Record<Tone, Icon>;
export const toneText = { ok: "text-ok", warn: "text-warn", fault: "text-fault", idle: "text-idle", working: "text-accent" } as const satisfies Record<Tone, string>;
export const toneTint = { ok: "bg-ok-tint", warn: "bg-warn-tint", fault: "bg-fault-tint", idle: "bg-idle-tint", working: "bg-accent-tint" } as const satisfies Record<Tone, string>;

export function State({ tone, icon, children }: { tone: Tone; icon?: Icon; children: ReactNode }) {
  const Glyph = icon ?? toneIcon[tone];
  return (
    <span className={cx("inline-flex items-center gap-1.5 whitespace-nowrap font-medium", toneText[tone])}>
      <Glyph aria-hidden="true" size={15} weight={tone === "ok" || tone === "fault" ? "fill" : "bold"} className="shrink-0" />
      {children}
    </span>
  );
}

/** The first thing of a detail page: one sentence that says how it is, in the colour of the state. */
export function StateSentence({ tone, children, aside }: { tone: Tone; children: ReactNode; aside?: ReactNode }) {
  const Glyph = toneIcon[tone];
  return (
    <div role="status" className={cx("flex flex-wrap items-start gap-x-3 gap-y-2 rounded-lg px-4 py-3", toneTint[tone])}>
      <Glyph aria-hidden="true" size={20} weight="fill" className={cx("mt-0.5 shrink-0", toneText[tone])} />
      <p className="min-w-0 grow basis-60 text-[15px] leading-6 font-medium text-ink">{children}</p>
      {aside}
    </div>
  );
}

/** A small neutral label, such as a kind. */
export function Tag({ children }: { children: ReactNode }) {
  return <span className="inline-flex items-center rounded border border-line px-1.5 py-px text-[12px] whitespace-nowrap text-ink-2">{children}</span>;
}
