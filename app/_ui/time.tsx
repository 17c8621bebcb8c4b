"use client";
/** Times: relative where people read, exact on hover and focus, always UTC and tabular. */
import { useEffect, useState } from "react";

const units: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** `2026-11-22 10:03:41 UTC`. */
export function exactTime(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "3 min. ago", "in 2 days"; the date beyond 45 days, where "next year" would say too little. */
export function relativeTime(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Math.abs(seconds) > 45 * 86_400) return new Date(iso).toISOString().slice(0, 10);
  if (Math.abs(seconds) < 5) return "just now";
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** "3 d 4 h", "12 min", "8 s": a length of time, two units at most. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string][] = [[Math.floor(seconds / 86_400), "d"], [Math.floor(seconds / 3600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return "0 s";
  return parts.slice(first, first + 2).filter(([value]) => value > 0).map(([value, unit]) => `${value} ${unit}`).join(" ");
}

/** The present, renewed every `everyMs` while the page is open. */
export function useNow(everyMs = 10_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Time({ at, never = "never" }: { at: string | null; never?: string }) {
  const now = useNow();
  if (at === null) return <span className="text-ink-3">{never}</span>;
  return (
    <time dateTime={at} title={exactTime(at)} className="tabular whitespace-nowrap" suppressHydrationWarning>
      {relativeTime(at, now)}
    </time>
  );
}

/** For logs: the exact time, in the fixed-width face. */
export function ExactTime({ at }: { at: string }) {
  return (
    <time dateTime={at} className="font-mono text-[12px] whitespace-nowrap">
      {exactTime(at)}
    </time>
  );
}
