import { describe, expect, it } from "vitest";
import { firstDelayMs, nextStart, phaseOf } from "./schedule.ts";

const timing = { intervalMs: 5_000, jitterPercent: 10 };

describe("when members are checked", () => {
  it.each([3, 10, 100, 500, 5_000])("gives %i members places that fill the interval evenly [T31]", (count) => {
    const places = Array.from({ length: count }, (_, index) => phaseOf(index)).toSorted((a, b) => a - b);
    const gaps = places.map((place, index) => (places[index + 1] ?? (places[0] ?? 0) + 1) - place);
    expect(Math.max(...gaps) * count).toBeLessThan(2.7);
  });

  it("starts the first checks at once, yet not all in one instant", () => {
    expect(firstDelayMs(0, 1, timing)).toBe(0);
    expect(firstDelayMs(9, 10, timing)).toBe(450);
    expect(firstDelayMs(499, 500, timing)).toBe(4_990);
    expect(firstDelayMs(499, 500, { intervalMs: 3_600_000, jitterPercent: 10 })).toBeLessThan(25_000);
  });

  it("keeps a member in its place, moved by the jitter only", () => {
    for (let at = 0, round = 0; round < 200; round += 1) {
      const next = nextStart({ startedAt: at, now: at + 20, phase: 0.3, timing, isConfirming: false, random: (round * 37 % 100) / 100 });
      const offset = Math.abs((((next / 5_000 - 0.3 + 0.5) % 1) + 1) % 1 - 0.5);
      expect(offset).toBeLessThanOrEqual(0.1 + 1e-9);
      if (round > 0) expect(next - at).toBeGreaterThanOrEqual(4_000 - 1e-6);
      expect(next - at).toBeLessThanOrEqual(6_750);
      at = next;
    }
  });

  it("never checks twice within a quarter of the interval, whatever the jitter", () => {
    for (let round = 0; round < 500; round += 1) {
      const startedAt = round * 61.7;
      const next = nextStart({ startedAt, now: startedAt + 5, phase: phaseOf(round), timing: { intervalMs: 5_000, jitterPercent: 50 }, isConfirming: false, random: (round % 11) / 10 });
      expect(next - startedAt).toBeGreaterThanOrEqual(1_250 - 1e-6);
    }
  });

  it("confirms a contradiction after a quarter of the interval, and not before the check has ended", () => {
    const given = { startedAt: 10_000, phase: 0.5, timing, isConfirming: true, random: 0.5 };
    expect(nextStart({ ...given, now: 10_020 })).toBe(11_250);
    expect(nextStart({ ...given, now: 13_000 })).toBe(13_000);
  });
});
