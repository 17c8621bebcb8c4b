/** The share of new sessions that the console promises, per method. */
import { describe, expect, it } from "vitest";
import { schedulingMethods } from "./pool.ts";
import { expectedShares } from "./shares.ts";
import type { ShareMember } from "./shares.ts";

const member = (weight: number, more: Partial<ShareMember> = {}): ShareMember => ({ weight, state: "enabled", ...more });

describe("the expected share of new sessions", () => {
  it("offers the methods in the order of preference [S3-70]", () => {
    expect(schedulingMethods).toEqual(["failover", "first-alive", "weighted-round-robin", "least-connections", "source-hash", "round-robin"]);
  });

  it("gives everything to the first member that can take it, by fail-over and first alive [S3-64] [S3-65] [S3-66]", () => {
    for (const method of ["failover", "first-alive"] as const) {
      expect(expectedShares(method, [member(1), member(100)])).toEqual([1, 0]);
      expect(expectedShares(method, [member(0), member(1, { state: "drain" }), member(1, { isUp: false }), member(1)])).toEqual([0, 0, 0, 1]);
    }
  });

  it("follows the weights, ten times as much for weight 10 as for weight 1 [S3-68]", () => {
    for (const method of ["weighted-round-robin", "least-connections", "source-hash"] as const) {
      const [first = 0, second = 0] = expectedShares(method, [member(10), member(1)]);
      expect(first / second).toBeCloseTo(10, 10);
      expect(first + second).toBeCloseTo(1, 10);
    }
  });

  it("leaves one member at the maximum and the others at the minimum nearly everything [S3-69]", () => {
    expect(expectedShares("weighted-round-robin", [member(256), member(1), member(1)])[0]).toBeCloseTo(256 / 258, 10);
  });

  it("is equal by plain round robin", () => {
    expect(expectedShares("round-robin", [member(10), member(1), member(0), member(5, { state: "disabled" })])).toEqual([0.5, 0.5, 0, 0]);
  });

  it("is nothing for anybody when no member takes new sessions, and none for an empty pool", () => {
    for (const method of schedulingMethods) {
      expect(expectedShares(method, [member(0), member(3, { state: "drain" })])).toEqual([0, 0]);
      expect(expectedShares(method, [])).toEqual([]);
    }
  });
});
