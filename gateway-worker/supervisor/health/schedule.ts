/**
 * When a member is checked next. Each member has a fixed phase within its interval, so that 500 members are checked evenly over it and
 * stay so; jitter moves single checks. Pure: times are milliseconds on the caller's monotonic clock.
 */

export type Timing = { intervalMs: number; jitterPercent: number };

/** First checks after a change start this far apart at most: one new member is known at once, 500 new ones do not start in one instant. */
const firstSpacingMs = 50;

/** A check that contradicts the state is confirmed after this share of the interval, so that the default rise and fall fit into two intervals (N6). */
export const confirmShare = 0.25;

/** Phase of the n-th member ever seen, 0 to 1: multiples of the golden ratio fill the interval evenly for any number of members. */
export function phaseOf(ordinal: number): number {
  return (ordinal * 0.618_033_988_749_894_9) % 1;
}

/** Delay before the first check of the `index`-th of `count` new members, milliseconds. */
export function firstDelayMs(index: number, count: number, timing: Timing): number {
  return index * Math.min(firstSpacingMs, timing.intervalMs / Math.max(1, count));
}

/** Start of the next check after one that started at `startedAt`. `random` is 0 to 1. */
export function nextStart(input: { startedAt: number; now: number; phase: number; timing: Timing; isConfirming: boolean; random: number }): number {
  const { intervalMs, jitterPercent } = input.timing;
  if (input.isConfirming) return Math.max(input.now, input.startedAt + intervalMs * confirmShare);
  // The member's own place in the interval, but not sooner than a quarter of it after the last check.
  const earliest = Math.max(input.now, input.startedAt + intervalMs * confirmShare);
  const turn = Math.ceil(earliest / intervalMs - input.phase);
  const jitterMs = intervalMs * (jitterPercent / 100) * (2 * input.random - 1);
  return Math.max(earliest, (turn + input.phase) * intervalMs + jitterMs);
}
