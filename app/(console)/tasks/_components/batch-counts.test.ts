import { describe, expect, it } from "vitest";
import { batchCounts } from "./batch-counts.ts";

describe("counts of a batch", () => {
  it("counts what was not given out yet as waiting, and what the agent would not do as failed", () => {
    expect(batchCounts({ total: 20, counts: { done: 5, failed: 1, rejected: 2, expired: 1, running: 2, sent: 1, cancelled: 1 } })).toEqual({ total: 20, done: 5, failed: 4, cancelled: 1, running: 3, waiting: 7 });
  });
});
