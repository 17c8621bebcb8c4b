"use client";
/** The shapes of the picture: gateway an arch, relay a small arch on a line, server a square, agents dots; in clouds the same shapes, small. */
import type { Tone } from "@/app/_ui/state.tsx";
import type { Point } from "./topology-layout.ts";

export const strokeTone = { ok: "stroke-ok", warn: "stroke-warn", fault: "stroke-fault", idle: "stroke-idle", working: "stroke-accent" } as const satisfies Record<Tone, string>;
export const fillTone = { ok: "fill-ok", warn: "fill-warn", fault: "fill-fault", idle: "fill-idle", working: "fill-accent" } as const satisfies Record<Tone, string>;

export function GatewayShape({ at, tone }: { at: Point; tone: Tone }) {
  return (
    <>
      <path d={`M${at.x - 17} ${at.y + 18} v-16 a17 17 0 0 1 34 0 v16`} strokeWidth="3.2" strokeLinecap="round" className={`fill-surface ${strokeTone[tone]}`} />
      <path d={`M${at.x - 6.5} ${at.y + 18} v-13 a6.5 6.5 0 0 1 13 0 v13`} fill="none" strokeWidth="2.6" strokeLinecap="round" className={strokeTone[tone]} />
    </>
  );
}

export function RelayShape({ at, tone }: { at: Point; tone: Tone }) {
  return (
    <>
      <path d={`M${at.x - 11} ${at.y + 8} v-8 a11 11 0 0 1 22 0 v8`} strokeWidth="3" strokeLinecap="round" className={`fill-surface ${strokeTone[tone]}`} />
      <path d={`M${at.x - 21} ${at.y + 8} h42`} strokeWidth="3" strokeLinecap="round" className={strokeTone[tone]} />
    </>
  );
}

export function ServerShape({ at, tone, isAgentSite }: { at: Point; tone: Tone; isAgentSite: boolean }) {
  return (
    <>
      <rect x={at.x - 12} y={at.y - 12} width="24" height="24" rx="3" strokeWidth="2.6" className={`fill-surface ${strokeTone[tone]}`} />
      {isAgentSite && <rect x={at.x - 5} y={at.y - 5} width="10" height="10" rx="1.5" className={fillTone[tone]} />}
    </>
  );
}

/** One member of a cloud. */
export function SmallShape({ of, at, tone }: { of: "gateway" | "relay" | "server" | "agent"; at: Point; tone: Tone }) {
  switch (of) {
    case "agent":
      return <circle cx={at.x} cy={at.y} r="4.6" className={fillTone[tone]} />;
    case "gateway":
      return <path d={`M${at.x - 7} ${at.y + 8} v-7 a7 7 0 0 1 14 0 v7`} strokeWidth="2.6" strokeLinecap="round" className={`fill-surface ${strokeTone[tone]}`} />;
    case "relay":
      return <path d={`M${at.x - 9} ${at.y + 5} h18 m-4 0 v-4 a5 5 0 0 0 -10 0 v4`} strokeWidth="2.2" strokeLinecap="round" className={`fill-surface ${strokeTone[tone]}`} />;
    case "server":
      return <rect x={at.x - 6.5} y={at.y - 6.5} width="13" height="13" rx="2" strokeWidth="2.2" className={`fill-surface ${strokeTone[tone]}`} />;
  }
}
