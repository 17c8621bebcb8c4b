/** How the agents of a batch stand, in the four sums that people ask for. */
import type { TaskState } from "@/contract/command.ts";

export type BatchCounts = { total: number; done: number; /** Failed, rejected or expired. */ failed: number; cancelled: number; /** With the agent now. */ running: number; /** Not given out, or not taken yet. */ waiting: number };

/** What no count names has not been given out yet, and waits. */
export function batchCounts({ total, counts }: { total: number; counts: Partial<Record<TaskState, number>> }): BatchCounts {
  const of = (...states: TaskState[]) => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const done = of("done");
  const failed = of("failed", "rejected", "expired");
  const cancelled = of("cancelled");
  const running = of("running", "sent");
  return { total, done, failed, cancelled, running, waiting: Math.max(0, total - done - failed - cancelled - running) };
}
