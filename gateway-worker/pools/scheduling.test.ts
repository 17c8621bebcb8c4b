/** The scheduling methods, each measured against what the console promises for it, through quiet and through random histories. */
import { describe, expect, it } from "vitest";
import type { Scheduling, SnapshotMember, SnapshotPool } from "../../contract/pool.ts";
import { schedulingMethods } from "../../contract/pool.ts";
import { expectedShares } from "../../contract/shares.ts";
import { poolOf, seeded, serviceOf } from "../../tests/support/pools.ts";
import { PoolTable } from "./pool-table.ts";

class Bench {
  readonly table = new PoolTable();
  readonly service;
  pool: SnapshotPool;
  constructor(given: Partial<Omit<SnapshotPool, "members">>, members: Partial<SnapshotMember>[]) {
    this.pool = poolOf(given, members);
    this.service = serviceOf({ poolId: this.pool.id });
    this.configure({});
  }
  configure(change: Partial<SnapshotPool>): void {
    this.pool = { ...this.pool, ...change };
    this.table.configure({ pools: [this.pool], virtualServices: [this.service] });
  }
  say(index: number, isUp: boolean, elsewhere = 0): void {
    this.table.setVerdicts([{ memberId: this.id(index), isUp, elsewhere }], [], false);
  }
  id(index: number): string {
    return this.pool.members[index]?.id ?? "";
  }
  /** Index of the member that a new client gets; -1: none. */
  pick(source: string | null = null, exclude?: number[]): number {
    const result = this.table.pick({ service: this.service, source, nowMs: 0, ...(exclude ? { exclude: new Set(exclude.map((index) => this.id(index))) } : {}) });
    return result.kind === "member" ? this.pool.members.findIndex(({ id }) => id === result.member.id) : -1;
  }
  counts(picks: number, source: (index: number) => string | null = () => null): number[] {
    const counts = this.pool.members.map(() => 0);
    for (let index = 0; index < picks; index += 1) {
      const picked = this.pick(source(index));
      counts[picked] = (counts[picked] ?? 0) + 1;
    }
    return counts;
  }
}

const address = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;

describe("fail-over and ordered list", () => {
  it("sends everything to the first member and to another only while it cannot [S3-61] [S3-64]", () => {
    const bench = new Bench({ scheduling: "failover" }, [{}, {}, {}]);
    expect(bench.counts(100)).toEqual([100, 0, 0]);
    bench.say(0, false);
    expect(bench.counts(100)).toEqual([0, 100, 0]);
    bench.say(0, true);
    expect(bench.counts(100)).toEqual([100, 0, 0]);
  });

  it("is the method of a pool that says nothing else, and balances by no other [S3-63]", () => {
    expect(new Bench({}, [{}, {}]).counts(50)).toEqual([50, 0]);
  });

  it("stays with the member in use until it fails, when it does not fail back [N7]", () => {
    const bench = new Bench({ scheduling: "failover", failsBack: false }, [{}, {}, {}]);
    expect(bench.pick()).toBe(0);
    bench.say(0, false);
    expect(bench.pick()).toBe(1);
    bench.say(0, true);
    expect(bench.pick()).toBe(1);
    bench.say(1, false);
    expect(bench.pick()).toBe(0);
  });

  it("follows the supervisor's word on the member in use, so that all engines use one [N7]", () => {
    const bench = new Bench({ scheduling: "failover", failsBack: false }, [{}, {}]);
    expect(bench.pick()).toBe(0);
    bench.table.setVerdicts([], [{ poolId: bench.pool.id, memberId: bench.id(1) }], false);
    expect(bench.pick()).toBe(1);
    bench.configure({ name: "renamed" });
    expect(bench.pick()).toBe(1);
  });

  it("does not make a member the one in use that only takes an overflow or one client's retry", () => {
    const bench = new Bench({ scheduling: "failover", failsBack: false }, [{ maxConnections: 1 }, {}]);
    expect(bench.pick(null, [0])).toBe(1);
    bench.table.opened(bench.service.id, bench.id(0));
    expect(bench.pick()).toBe(1);
    bench.table.closed(bench.service.id, bench.id(0));
    expect(bench.pick()).toBe(0);
  });

  it.each(["first-alive", "failover"] as const)("keeps the order of the list through a random sequence of 200 up and down events, by %s [S3-65] [S3-66] [N7]", (scheduling) => {
    const random = seeded(66);
    const bench = new Bench({ scheduling }, [{}, {}, {}, {}, {}]);
    const isUp = [true, true, true, true, true];
    for (let event = 0; event < 200; event += 1) {
      const index = Math.floor(random() * 5);
      isUp[index] = isUp[index] !== true;
      bench.say(index, isUp[index]);
      expect(bench.pick()).toBe(isUp.indexOf(true));
    }
  });
});

describe("weighted round robin", () => {
  it("gives 1,100 new sessions at 10:1 as 1,000 and 100, and is within one session of the share at every moment [S3-67] [S3-68] [N7]", () => {
    const bench = new Bench({ scheduling: "weighted-round-robin" }, [{ weight: 10 }, { weight: 1 }]);
    const counts = [0, 0];
    for (let sessions = 1; sessions <= 1_100; sessions += 1) {
      const picked = bench.pick();
      counts[picked] = (counts[picked] ?? 0) + 1;
      expect(Math.abs((counts[0] ?? 0) - (sessions * 10) / 11)).toBeLessThan(1);
    }
    expect(counts).toEqual([1_000, 100]);
  });

  it("is within one session of the share at every moment for any weights and any number of members", () => {
    const random = seeded(68);
    for (let trial = 0; trial < 60; trial += 1) {
      const weights = Array.from({ length: 2 + Math.floor(random() * 14) }, () => 1 + Math.floor(random() ** 3 * 256));
      const bench = new Bench({ scheduling: "weighted-round-robin" }, weights.map((weight) => ({ weight })));
      const shares = expectedShares("weighted-round-robin", bench.pool.members);
      const counts = weights.map(() => 0);
      let worst = 0;
      for (let sessions = 1; sessions <= 500; sessions += 1) {
        const picked = bench.pick();
        counts[picked] = (counts[picked] ?? 0) + 1;
        for (const [index, share] of shares.entries()) worst = Math.max(worst, Math.abs((counts[index] ?? 0) - share * sessions));
      }
      expect(worst).toBeLessThan(1);
    }
  });

  it("spreads a member's turns instead of giving them in one run [S3-67]", () => {
    const bench = new Bench({ scheduling: "weighted-round-robin" }, [{ weight: 2 }, { weight: 1 }, { weight: 1 }]);
    const order = Array.from({ length: 8 }, () => bench.pick());
    expect(order.join("")).not.toMatch(/00/);
  });

  it("leaves the others nearly nothing when one member has the highest weight and they the lowest [S3-69]", () => {
    const bench = new Bench({ scheduling: "weighted-round-robin" }, [{ weight: 256 }, { weight: 1 }, { weight: 1 }]);
    expect(bench.counts(2_580)).toEqual([2_560, 10, 10]);
  });

  it("keeps its turns when a snapshot changes nothing of the members", () => {
    const bench = new Bench({ scheduling: "weighted-round-robin" }, [{ weight: 3 }, { weight: 2 }]);
    const counts = [0, 0];
    for (let index = 0; index < 500; index += 1) {
      bench.configure({ name: `pool ${index}` });
      const picked = bench.pick();
      counts[picked] = (counts[picked] ?? 0) + 1;
    }
    expect(counts).toEqual([300, 200]);
  });
});

describe("round robin", () => {
  it("goes through the members in order, whatever their weights, and skips those that are out [S3-60]", () => {
    const bench = new Bench({ scheduling: "round-robin" }, [{ weight: 9 }, {}, {}, { weight: 0 }]);
    expect(Array.from({ length: 6 }, () => bench.pick())).toEqual([0, 1, 2, 0, 1, 2]);
    bench.say(1, false);
    expect(Array.from({ length: 4 }, () => bench.pick())).toEqual([0, 2, 0, 2]);
  });
});

describe("least connections", () => {
  it("never picks a fuller member for its weight, through 5,000 random openings and closings here and elsewhere", () => {
    const random = seeded(7);
    const bench = new Bench({ scheduling: "least-connections" }, [{ weight: 1 }, { weight: 3 }, { weight: 10 }, { weight: 256 }]);
    const open = [0, 0, 0, 0];
    const elsewhere = [0, 0, 0, 0];
    for (let step = 0; step < 5_000; step += 1) {
      if (random() < 0.05) {
        const index = Math.floor(random() * 4);
        elsewhere[index] = Math.floor(random() * 20);
        bench.say(index, true, elsewhere[index]);
      }
      const busy = open.flatMap((count, index) => (count > 0 ? [index] : []));
      const closing = busy[Math.floor(random() * busy.length)];
      if (closing !== undefined && random() < 0.45) {
        open[closing] = (open[closing] ?? 0) - 1;
        bench.table.closed(bench.service.id, bench.id(closing));
        continue;
      }
      const picked = bench.pick();
      const fullness = (index: number): number => ((open[index] ?? 0) + (elsewhere[index] ?? 0)) / (bench.pool.members[index]?.weight ?? 1);
      expect(Math.min(...[0, 1, 2, 3].map(fullness))).toBeCloseTo(fullness(picked), 12);
      open[picked] = (open[picked] ?? 0) + 1;
      bench.table.opened(bench.service.id, bench.id(picked));
    }
  });

  it("gives idle members their turns by weight", () => {
    expect(new Bench({ scheduling: "least-connections" }, [{ weight: 10 }, { weight: 1 }]).counts(1_100)).toEqual([1_000, 100]);
  });
});

describe("source hash", () => {
  const sources = 20_000;

  it("gives a client the same member each time, and members their weight's share of clients within 2 % [S3-68]", () => {
    const bench = new Bench({ scheduling: "source-hash" }, [{ weight: 10 }, { weight: 1 }, { weight: 5 }]);
    const counts = bench.counts(sources, address);
    expect(bench.counts(sources, address)).toEqual(counts);
    for (const [index, share] of expectedShares("source-hash", bench.pool.members).entries()) expect(Math.abs((counts[index] ?? 0) / sources - share)).toBeLessThan(0.02);
  });

  it.each([2, 5, 10])("moves only one of %i members' clients when it is removed, and none of the others'", (size) => {
    const bench = new Bench({ scheduling: "source-hash" }, Array.from({ length: size }, () => ({})));
    const ids = (): string[] => Array.from({ length: sources }, (_, index) => bench.id(bench.pick(address(index))));
    const before = ids();
    const removed = bench.id(size - 1);
    bench.configure({ members: bench.pool.members.slice(0, -1) });
    const after = ids();
    const moved = before.filter((id, index) => id !== after[index]);
    expect(moved.every((id) => id === removed)).toBe(true);
    expect(Math.abs(moved.length / sources - 1 / size)).toBeLessThan(0.02);
  });

  it("gives a member that comes back the clients that it had", () => {
    const bench = new Bench({ scheduling: "source-hash" }, [{}, {}, {}]);
    const before = Array.from({ length: 500 }, (_, index) => bench.pick(address(index)));
    bench.say(1, false);
    expect(Array.from({ length: 500 }, (_, index) => bench.pick(address(index)))).not.toContain(1);
    bench.say(1, true);
    expect(Array.from({ length: 500 }, (_, index) => bench.pick(address(index)))).toEqual(before);
  });

  it("knows a client by IPv4 and by the IPv4-mapped IPv6 address as one", () => {
    const bench = new Bench({ scheduling: "source-hash" }, Array.from({ length: 9 }, () => ({})));
    for (let index = 0; index < 50; index += 1) expect(bench.pick(`::ffff:${address(index)}`)).toBe(bench.pick(address(index)));
  });
});

describe("every method", () => {
  it.each(schedulingMethods)("sends no new session to a member that is down, drained, disabled, of weight 0, full or excluded, by %s", (scheduling) => {
    const bench = new Bench({ scheduling }, [{}, { state: "drain" }, { state: "disabled" }, { weight: 0 }, { maxConnections: 3 }, {}, {}]);
    bench.say(0, false);
    bench.say(4, true, 2);
    bench.table.opened(bench.service.id, bench.id(4));
    for (let index = 0; index < 200; index += 1) expect(bench.pick(address(index), [5])).toBe(6);
  });

  it.each(schedulingMethods)("says why each member is out when none is left, by %s", (scheduling) => {
    const bench = new Bench({ scheduling }, [{}, { state: "drain" }, { weight: 0 }, { maxConnections: 1 }]);
    bench.say(0, false);
    bench.say(3, true, 1);
    const result = bench.table.pick({ service: bench.service, source: null, nowMs: 0 });
    expect(result).toEqual({ kind: "none", code: "service-no-member", detail: "no member of pool pool can take it: m1 is down, m2 is drained, m3 is drained by weight 0, m4 is full (1 of 1 connections)" });
  });

  it.each(schedulingMethods)("holds its invariants through a random history of 4,000 events, by %s [N7]", (scheduling) => runHistory(scheduling, 1_000 + schedulingMethods.indexOf(scheduling)));

  it.each(["weighted-round-robin", "round-robin", "least-connections", "source-hash"] as const)("comes to the expected share over many clients, by %s [S3-68]", (scheduling) => {
    const bench = new Bench({ scheduling }, [{ weight: 8 }, { weight: 1 }, { weight: 3 }, { weight: 0 }]);
    const counts = bench.counts(12_000, address);
    for (const [index, share] of expectedShares(scheduling, bench.pool.members).entries()) expect(Math.abs((counts[index] ?? 0) / 12_000 - share)).toBeLessThan(0.02);
  });

  it("answers with a refusal when the service or its pool is unknown", () => {
    const table = new PoolTable();
    expect(table.pick({ service: serviceOf(), source: "192.0.2.1", nowMs: 0 })).toMatchObject({ kind: "none", code: "service-no-member" });
  });
});

/** Members go up, down, full, drained and re-weighted, connections come and go; after each event a new client must be served by the rules. */
function runHistory(scheduling: Scheduling, seed: number): void {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const bench = new Bench({ scheduling }, Array.from({ length: 6 }, (_, index) => ({ weight: [0, 1, 3, 10, 50, 256][index] ?? 1, maxConnections: index === 2 ? 5 : null })));
  const isUp = bench.pool.members.map(() => true);
  const open = bench.pool.members.map(() => 0);
  const states = ["enabled", "enabled", "drain", "disabled"] as const;
  for (let step = 0; step < 4_000; step += 1) {
    const index = below(6);
    const roll = random();
    if (roll < 0.1) bench.say(index, (isUp[index] = isUp[index] !== true));
    else if (roll < 0.15) bench.configure({ members: bench.pool.members.map((member, at) => (at === index ? { ...member, state: states[below(4)] ?? "enabled", weight: below(4) === 0 ? 0 : 1 + below(256) } : member)) });
    else if (roll < 0.4 && (open[index] ?? 0) > 0) {
      open[index] = (open[index] ?? 0) - 1;
      bench.table.closed(bench.service.id, bench.id(index));
    }
    const takes = bench.pool.members.map((member, at) => isUp[at] === true && member.state === "enabled" && member.weight > 0 && (member.maxConnections === null || (open[at] ?? 0) < member.maxConnections));
    const picked = bench.pick(address(below(1_000)));
    if (picked < 0) {
      expect(takes).not.toContain(true);
      continue;
    }
    expect(takes[picked]).toBe(true);
    if (scheduling === "failover" || scheduling === "first-alive") expect(picked).toBe(takes.indexOf(true));
    if (scheduling === "least-connections") {
      const fullness = (at: number): number => (open[at] ?? 0) / (bench.pool.members[at]?.weight ?? 1);
      for (const [at, can] of takes.entries()) if (can) expect(fullness(picked)).toBeLessThanOrEqual(fullness(at));
    }
    open[picked] = (open[picked] ?? 0) + 1;
    bench.table.opened(bench.service.id, bench.id(picked));
    expect(bench.table.loads()[0]?.members.map(({ connections }) => connections)).toEqual(open);
  }
}
