import { describe, expect, it } from "vitest";
import { RefusalQueue, refusalsMax } from "./refusals.ts";
import type { RefusalFacts } from "./refusals.ts";

const facts = (source: string): RefusalFacts => ({ code: "certificate-missing", detail: "", connectionId: "c", source, listenerId: null, serverName: null, target: null, agentId: null, certificate: null });

describe("refusal queue", () => {
  it("counts equal refusals of one source within a second instead of repeating them", () => {
    const queue = new RefusalQueue();
    for (const atMs of [0, 10, 999, 1_500, 1_600]) queue.add(facts("192.0.2.1"), atMs);
    queue.add(facts("192.0.2.2"), 20);
    const { refusals, dropped } = queue.take();
    expect(refusals.filter((refusal) => refusal.source === "192.0.2.1").reduce((sum, refusal) => sum + refusal.count, 0)).toBe(5);
    expect(refusals.some((refusal) => refusal.count === 3)).toBe(true);
    expect(refusals.filter((refusal) => refusal.source === "192.0.2.2")).toHaveLength(1);
    expect(dropped).toBe(0);
    expect(new Set(refusals.map((refusal) => refusal.id)).size).toBe(refusals.length);
  });

  it("is bounded and says how many did not fit [T38]", () => {
    const queue = new RefusalQueue();
    for (let index = 0; index < refusalsMax + 7; index += 1) queue.add(facts(`source ${index}`), 0);
    expect(queue.size).toBe(refusalsMax);
    expect(queue.take().dropped).toBe(7);
    expect(queue.total).toBe(refusalsMax + 7);
  });
});
