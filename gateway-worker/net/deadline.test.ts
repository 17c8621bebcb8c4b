import { afterEach, describe, expect, it } from "vitest";
import { DeadlineWheel } from "./deadline.ts";
import type { Timed } from "./deadline.ts";

const wheels: DeadlineWheel[] = [];
function wheel(): DeadlineWheel {
  const made = new DeadlineWheel();
  wheels.push(made);
  return made;
}
function item(deadlineMs: number): Timed & { calls: number[] } {
  const calls: number[] = [];
  const made = { deadlineMs, calls, onDeadline: (nowMs: number) => void (calls.push(nowMs), (made.deadlineMs = Infinity)) };
  return made;
}
afterEach(() => {
  for (const made of wheels.splice(0)) made.close();
});

describe("deadline wheel", () => {
  it("calls an item once, at most a tick after its deadline", () => {
    const clock = wheel();
    const start = clock.nowMs;
    const one = item(start + 1_000);
    clock.add(one);
    for (let at = start; at < start + 3_000; at += 100) clock.advance(at);
    expect(one.calls).toHaveLength(1);
    expect(one.calls[0]).toBeGreaterThanOrEqual(start + 1_000);
    expect(one.calls[0]).toBeLessThanOrEqual(start + 1_600);
  });

  it("waits for a deadline that was moved on, and for one beyond the wheel's span", () => {
    const clock = wheel();
    const start = clock.nowMs;
    const moved = item(start + 1_000);
    const far = item(start + 900_000);
    clock.add(moved);
    clock.add(far);
    moved.deadlineMs = start + 5_000;
    for (let at = start; at < start + 4_900; at += 250) clock.advance(at);
    expect(moved.calls).toHaveLength(0);
    for (let at = start + 4_900; at < start + 899_000; at += 250) clock.advance(at);
    expect(moved.calls).toHaveLength(1);
    expect(far.calls).toHaveLength(0);
    clock.advance(start + 901_000);
    expect(far.calls).toHaveLength(1);
  });

  it("forgets a removed item and catches up after the process was stopped", () => {
    const clock = wheel();
    const start = clock.nowMs;
    const removed = item(start + 1_000);
    const kept = item(start + 2_000);
    clock.add(removed);
    clock.add(kept);
    clock.remove(removed);
    clock.advance(start + 3_600_000);
    expect(removed.calls).toHaveLength(0);
    expect(kept.calls).toHaveLength(1);
  });
});
