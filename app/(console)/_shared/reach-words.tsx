"use client";
/** Relays, reverse access and tasks in words: their states, with word, colour and consequence in one place. */
import { Clock, Hourglass, Prohibit } from "@phosphor-icons/react";
import type { z } from "zod";
import type { TaskKind, TaskState } from "@/contract/command.ts";
import type { reachSessionState } from "@/contract/reach.ts";
import type { reachRequestState } from "@/contract/reach-objects.ts";
import type { RelayState } from "@/contract/relay-objects.ts";
import type { taskBatchState } from "@/contract/task-objects.ts";
import { State, type Tone } from "@/app/_ui/state.tsx";

export const relayTone = { waiting: "idle", answered: "working", connected: "ok", away: "fault" } as const satisfies Record<RelayState, Tone>;
export const relayWord = { waiting: "Not heard of yet", answered: "To be confirmed", connected: "Connected", away: "Away" } as const satisfies Record<RelayState, string>;

export function RelayStateLabel({ state }: { state: RelayState }) {
  return (
    <State tone={relayTone[state]} {...(state === "answered" ? { icon: Hourglass } : {})}>
      {relayWord[state]}
    </State>
  );
}

export type SessionState = z.infer<typeof reachSessionState>;
const sessionTone = { granted: "working", open: "ok", ended: "idle", refused: "fault" } as const satisfies Record<SessionState, Tone>;
export const sessionWord = { granted: "Granted, not used yet", open: "Open", ended: "Ended", refused: "Refused" } as const satisfies Record<SessionState, string>;

export function SessionStateLabel({ state }: { state: SessionState }) {
  return (
    <State tone={sessionTone[state]} {...(state === "refused" ? { icon: Prohibit } : {})}>
      {sessionWord[state]}
    </State>
  );
}

export type RequestState = z.infer<typeof reachRequestState>;
const requestTone = { open: "working", approved: "ok", denied: "fault", expired: "idle" } as const satisfies Record<RequestState, Tone>;
export const requestWord = { open: "To be decided", approved: "Approved", denied: "Denied", expired: "Expired" } as const satisfies Record<RequestState, string>;

export function RequestStateLabel({ state }: { state: RequestState }) {
  return (
    <State tone={requestTone[state]} {...(state === "denied" ? { icon: Prohibit } : state === "open" ? { icon: Hourglass } : {})}>
      {requestWord[state]}
    </State>
  );
}

export const taskKindWords = {
  "collect-inventory": { label: "Collect inventory", text: "Hardware, addresses, disks and packages, as they are now." },
  "refresh-policy": { label: "Refresh policy", text: "Fetches the newest policy at once instead of at the next report." },
  "collect-logs": { label: "Collect logs", text: "The newest lines of the agent's own log." },
  diagnose: { label: "Diagnose paths", text: "Tries every path the agent has, and says how far each one came." },
  "rotate-certificate": { label: "Rotate certificate", text: "Makes a new key and gets a new certificate; the old one works until the new one has worked once." },
  upgrade: { label: "Upgrade agent", text: "To the version of this console. The package is verified by the organisation's signature before it is used." },
  restart: { label: "Restart agent", text: "Its tunnels and sessions end; it is back within seconds." },
  "run-script": { label: "Run script", text: "Only where a reach rule allows scripts, as one of the users it names." },
} as const satisfies Record<TaskKind, { label: string; text: string }>;

export const taskTone = { waiting: "idle", sent: "working", running: "working", done: "ok", failed: "fault", cancelled: "idle", expired: "warn", rejected: "fault" } as const satisfies Record<TaskState, Tone>;
export const taskWord = { waiting: "Waiting", sent: "Sent", running: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled", expired: "Expired", rejected: "Rejected" } as const satisfies Record<TaskState, string>;
/** States that a task does not leave. */
export function isTaskOver(state: TaskState): boolean {
  return state === "done" || state === "failed" || state === "cancelled" || state === "expired" || state === "rejected";
}

export function TaskStateLabel({ state, isCancelWanted = false }: { state: TaskState; isCancelWanted?: boolean }) {
  if (isCancelWanted && !isTaskOver(state)) return <State tone="working" icon={Hourglass}>Being cancelled</State>;
  return (
    <State tone={taskTone[state]} {...(state === "cancelled" || state === "rejected" ? { icon: Prohibit } : state === "waiting" || state === "expired" ? { icon: Clock } : {})}>
      {taskWord[state]}
    </State>
  );
}

export type BatchState = z.infer<typeof taskBatchState>;
export const batchTone = { running: "working", done: "ok", halted: "fault", cancelled: "idle" } as const satisfies Record<BatchState, Tone>;
export const batchWord = { running: "Running", done: "Done", halted: "Halted", cancelled: "Cancelled" } as const satisfies Record<BatchState, string>;

export function BatchStateLabel({ state }: { state: BatchState }) {
  return (
    <State tone={batchTone[state]} {...(state === "cancelled" || state === "halted" ? { icon: Prohibit } : {})}>
      {batchWord[state]}
    </State>
  );
}

/** "ssh, port 22"; with the host when it is not the agent's own computer. */
export function serviceText(service: { name: string; host: string; port: number }): string {
  return `${service.name}, ${service.host === "127.0.0.1" ? "port " : `${service.host}:`}${service.port}`;
}
