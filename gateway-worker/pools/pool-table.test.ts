/** Keeping clients on their member: by address, for a duration, by a cookie's word; what two engines, two gateways and a restart agree on. */
import { describe, expect, it } from "vitest";
import { persistence } from "../../contract/persistence.ts";
import type { Persistence } from "../../contract/persistence.ts";
import type { SnapshotMember, SnapshotPool } from "../../contract/pool.ts";
import { stickyEntry } from "../engine-messages.ts";
import { poolOf, seeded, serviceOf } from "../../tests/support/pools.ts";
import { PoolTable } from "./pool-table.ts";
import type { PickRequest } from "./pool-table.ts";

const bySource = persistence.parse({ kind: "source-address", idleSeconds: 100 });
const byDuration = persistence.parse({ kind: "duration", seconds: 100 });

function world(kind: Persistence, given: Partial<Omit<SnapshotPool, "members">>, members: Partial<SnapshotMember>[]) {
  const pool = poolOf(given, members);
  const service = serviceOf({ poolId: pool.id, persistence: kind });
  const snapshot = { pools: [pool], virtualServices: [service] };
  const engine = (): PoolTable => {
    const table = new PoolTable();
    table.configure(snapshot);
    return table;
  };
  const id = (index: number): string => pool.members[index]?.id ?? "";
  /** Index of the member picked, or the refusal's code. */
  const pick = (table: PoolTable, source: string | null, more: Partial<PickRequest> = {}): number | string => {
    const result = table.pick({ service, source, nowMs: 0, ...more });
    return result.kind === "member" ? pool.members.findIndex((member) => member.id === result.member.id) : result.code;
  };
  const say = (table: PoolTable, index: number, isUp: boolean): void => table.setVerdicts([{ memberId: id(index), isUp, elsewhere: 0 }], [], false);
  return { pool, service, snapshot, engine, id, pick, say };
}

const address = (index: number): string => `198.51.${index >> 8}.${index & 255}`;
const three = [{}, {}, {}];

describe("persistence by source address", () => {
  it.each(["failover", "first-alive", "weighted-round-robin", "least-connections", "source-hash", "round-robin"] as const)("sends a source address to the same member always, by %s [S3-34] [S3-41]", (scheduling) => {
    const { engine, pick } = world(bySource, { scheduling }, three);
    const table = engine();
    const random = seeded(41);
    const first = new Map<string, number | string>();
    for (let step = 0; step < 2_000; step += 1) {
      const source = address(Math.floor(random() * 100));
      const picked = pick(table, source, { nowMs: step * 10 });
      expect(picked).toBe(first.get(source) ?? picked);
      first.set(source, picked);
    }
  });

  it("keeps a client where it is when the first member comes back, and sends new ones there [S3-41]", () => {
    const { engine, pick, say } = world(bySource, { scheduling: "failover" }, three);
    const table = engine();
    say(table, 0, false);
    expect(pick(table, "192.0.2.1")).toBe(1);
    say(table, 0, true);
    expect(pick(table, "192.0.2.1")).toBe(1);
    expect(pick(table, "192.0.2.2")).toBe(0);
  });

  it("moves a client whose member is down, and leaves it where it moved to", () => {
    const { engine, pick, say } = world(bySource, { scheduling: "round-robin" }, three);
    const table = engine();
    const before = Number(pick(table, "192.0.2.1"));
    say(table, before, false);
    const after = pick(table, "192.0.2.1");
    expect(after).not.toBe(before);
    say(table, before, true);
    expect(pick(table, "192.0.2.1")).toBe(after);
  });

  it("lets kept clients go on to a member that drains, by state or by weight 0, and sends no new ones", () => {
    for (const drained of [{ state: "drain" as const }, { weight: 0 }]) {
      const { engine, pick, pool, service } = world(bySource, { scheduling: "failover" }, three);
      const table = engine();
      expect(pick(table, "192.0.2.1")).toBe(0);
      const members = pool.members.map((member, index) => (index === 0 ? { ...member, ...drained } : member));
      table.configure({ pools: [{ ...pool, members }], virtualServices: [service] });
      expect(pick(table, "192.0.2.1")).toBe(0);
      expect(pick(table, "192.0.2.2")).toBe(1);
    }
  });

  it("forgets a client that did not come for the idle time, counted from its last connection", () => {
    const { engine, pick, say } = world(bySource, { scheduling: "failover" }, three);
    const table = engine();
    say(table, 0, false);
    expect(pick(table, "192.0.2.1", { nowMs: 0 })).toBe(1);
    say(table, 0, true);
    expect(pick(table, "192.0.2.1", { nowMs: 99_000 })).toBe(1);
    expect(pick(table, "192.0.2.1", { nowMs: 198_000 })).toBe(1);
    expect(pick(table, "192.0.2.1", { nowMs: 298_001 })).toBe(0);
  });

  it("takes clients of one network as one, by the masks of the service, and IPv4-mapped addresses as IPv4", () => {
    const masked = persistence.parse({ kind: "source-address", prefix4: 24, prefix6: 56 });
    const { engine, pick } = world(masked, { scheduling: "round-robin" }, Array.from({ length: 12 }, () => ({})));
    const table = engine();
    expect(pick(table, "192.0.2.1")).toBe(pick(table, "::ffff:192.0.2.200"));
    expect(pick(table, "2001:db8:0:1200::1")).toBe(pick(table, "2001:db8:0:12ff:1::9"));
    const networks = Array.from({ length: 40 }, (_, index) => pick(table, `192.0.${index}.1`));
    expect(new Set(networks).size).toBeGreaterThan(6);
  });

  it("gives engines and gateways the same member for a client that each sees first, without a word between them [S3-41]", () => {
    for (const scheduling of ["weighted-round-robin", "least-connections", "round-robin", "source-hash"] as const) {
      const { engine, pick } = world(bySource, { scheduling }, [{ weight: 10 }, { weight: 1 }, { weight: 4 }]);
      const [one, other] = [engine(), engine()];
      for (let index = 0; index < 50; index += 1) pick(one, address(10_000 + index));
      for (let index = 0; index < 500; index += 1) expect(pick(other, address(index))).toBe(pick(one, address(index)));
    }
  });

  it("keeps clients through a restart without a table, as long as the same members are up", () => {
    const { engine, pick } = world(bySource, { scheduling: "least-connections" }, three);
    const before = engine();
    const picked = Array.from({ length: 300 }, (_, index) => pick(before, address(index)));
    const after = engine();
    expect(Array.from({ length: 300 }, (_, index) => pick(after, address(299 - index))).toReversed()).toEqual(picked);
  });

  it("shares what differs with the other engines, and takes it from disk after a restart", () => {
    const { engine, pick, say, service } = world(bySource, { scheduling: "weighted-round-robin" }, three);
    const [one, other] = [engine(), engine()];
    say(one, 0, false);
    const picked = Array.from({ length: 200 }, (_, index) => pick(one, address(index)));
    const told = one.takeSticky();
    expect(told).toHaveLength(200);
    expect(told.every((entry) => stickyEntry.safeParse(entry).success && entry.serviceId === service.id)).toBe(true);
    expect(one.takeSticky()).toEqual([]);
    other.learn(told);
    expect(Array.from({ length: 200 }, (_, index) => pick(other, address(index)))).toEqual(picked);
    expect(other.takeSticky()).toEqual([]);
  });

  it("knows the kept clients that it was told of before its first snapshot, and no others", () => {
    const { service, snapshot, id, pick } = world(bySource, { scheduling: "failover" }, three);
    const table = new PoolTable();
    const entry = { serviceId: service.id, key: "192.0.2.1/32", memberId: id(2), expiresAt: 50_000 };
    table.learn([entry]);
    table.configure(snapshot);
    table.learn([{ ...entry, serviceId: id(0) }]);
    expect(pick(table, "192.0.2.1")).toBe(2);
    expect(table.lookUp(id(0), "192.0.2.1/32", 0)).toBeUndefined();
  });

  it("agrees in the end when two engines chose differently in the same moment", () => {
    const { engine, pick, say } = world(bySource, { scheduling: "failover" }, three);
    const [one, other] = [engine(), engine()];
    say(other, 0, false);
    expect([pick(one, "192.0.2.1"), pick(other, "192.0.2.1")]).toEqual([0, 1]);
    say(other, 0, true);
    for (let round = 0; round < 2; round += 1) {
      const [fromOne, fromOther] = [one.takeSticky(), other.takeSticky()];
      one.learn(fromOther);
      other.learn(fromOne);
    }
    expect(pick(one, "192.0.2.1")).toBe(pick(other, "192.0.2.1"));
    expect(one.takeSticky().concat(other.takeSticky())).toEqual([]);
  });

  it("tells a busy client's later expiry seldom", () => {
    const { engine, pick } = world(bySource, {}, three);
    const table = engine();
    for (let second = 0; second < 1_000; second += 1) pick(table, "192.0.2.1", { nowMs: second * 1_000 });
    let told = 0;
    for (let second = 1_000; second < 2_000; second += 1) {
      pick(table, "192.0.2.1", { nowMs: second * 1_000 });
      told += table.takeSticky().length;
    }
    expect(told).toBeLessThanOrEqual(41);
  });

  it("stays within 100,000 entries per service, the longest unused out first, and reports 5,000 at a time", () => {
    const { engine, pick, service } = world(bySource, {}, three);
    const table = engine();
    const source = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    for (let index = 0; index < 100_001; index += 1) pick(table, source(index));
    expect(table.lookUp(service.id, `${source(0)}/32`, 1)).toBeUndefined();
    expect(table.lookUp(service.id, `${source(1)}/32`, 1)).toBeDefined();
    const first = table.takeSticky();
    expect(first).toHaveLength(5_000);
    expect(first.every(({ memberId }) => memberId !== null)).toBe(true);
  });

  it("chooses by the method alone when the client's address is unknown", () => {
    const { engine, pick } = world(bySource, { scheduling: "round-robin" }, three);
    const table = engine();
    expect([0, 1, 2, 3].map(() => pick(table, null))).toEqual([0, 1, 2, 0]);
    expect(table.takeSticky()).toEqual([]);
  });
});

describe("persistence for a duration", () => {
  it("keeps a client on its member for the set time, whatever happens to the others, and no longer [S3-42]", () => {
    const { engine, pick, say } = world(byDuration, { scheduling: "failover" }, three);
    const table = engine();
    say(table, 0, false);
    expect(pick(table, "192.0.2.1", { nowMs: 0 })).toBe(1);
    say(table, 0, true);
    for (const nowMs of [1_000, 50_000, 99_999]) expect(pick(table, "192.0.2.1", { nowMs })).toBe(1);
    expect(pick(table, "192.0.2.1", { nowMs: 100_001 })).toBe(0);
  });

  it("refuses the client while its member is down, and takes it back after, when it may not move [S3-42]", () => {
    const { engine, pick, say } = world(byDuration, { scheduling: "first-alive" }, three);
    const table = engine();
    expect(pick(table, "192.0.2.1")).toBe(0);
    say(table, 0, false);
    expect(pick(table, "192.0.2.1", { nowMs: 10 })).toBe("service-member-kept");
    expect(pick(table, "192.0.2.2", { nowMs: 10 })).toBe(1);
    say(table, 0, true);
    expect(pick(table, "192.0.2.1", { nowMs: 20 })).toBe(0);
    say(table, 0, false);
    expect(pick(table, "192.0.2.1", { nowMs: 100_000 })).toBe(1);
  });

  it("moves the client when the service says so, for a new full time", () => {
    const { engine, pick, say } = world({ ...byDuration, whenDown: "move" } as Persistence, { scheduling: "first-alive" }, three);
    const table = engine();
    expect(pick(table, "192.0.2.1")).toBe(0);
    say(table, 0, false);
    expect(pick(table, "192.0.2.1", { nowMs: 50_000 })).toBe(1);
    say(table, 0, true);
    expect(pick(table, "192.0.2.1", { nowMs: 149_000 })).toBe(1);
    expect(pick(table, "192.0.2.1", { nowMs: 150_001 })).toBe(0);
  });

  it("lets a new client try another member when its very first connection fails", () => {
    const { engine, pick, id } = world(byDuration, { scheduling: "first-alive" }, three);
    const table = engine();
    expect(pick(table, "192.0.2.1")).toBe(0);
    expect(pick(table, "192.0.2.1", { exclude: new Set([id(0)]) })).toBe(1);
    expect(pick(table, "192.0.2.1")).toBe(1);
    expect(pick(table, "192.0.2.1", { exclude: new Set([id(1)]) })).toBe("service-member-kept");
  });

  it("does not keep a client on a member that left the pool", () => {
    const { engine, pick, pool, service } = world(byDuration, { scheduling: "first-alive" }, three);
    const table = engine();
    expect(pick(table, "192.0.2.1")).toBe(0);
    table.configure({ pools: [{ ...pool, members: pool.members.slice(1) }], virtualServices: [service] });
    expect(pick(table, "192.0.2.1")).toBe(1);
  });
});

describe("persistence by a cookie's word", () => {
  const byCookie = persistence.parse({ kind: "cookie-insert" });

  it("sends a client where its cookie says, drained members included [S3-35]", () => {
    const { engine, pool, service, id } = world(byCookie, { scheduling: "failover" }, [{}, { state: "drain" }, {}]);
    for (const index of [0, 1, 2]) expect(engine().pick({ service, source: null, kept: id(index), nowMs: 0 })).toEqual({ kind: "member", member: pool.members[index], sticky: true });
  });

  it("chooses anew when the cookie names a member that is down, disabled, excluded or none of the pool [T28]", () => {
    const { engine, service, id, say } = world(byCookie, { scheduling: "failover" }, [{}, {}, { state: "disabled" }]);
    const table = engine();
    say(table, 1, false);
    for (const kept of [id(1), id(2), service.id, "", "__proto__"]) expect(table.pick({ service, source: null, kept, nowMs: 0 })).toMatchObject({ kind: "member", sticky: false, member: { id: id(0) } });
    expect(table.pick({ service, source: null, kept: id(0), exclude: new Set([id(0)]), nowMs: 0 })).toMatchObject({ kind: "none" });
  });

  it("keeps a class of clients by address where its exception says so [N7]", () => {
    const { engine, pick } = world(byCookie, { scheduling: "round-robin" }, three);
    const table = engine();
    const picks = Array.from({ length: 9 }, () => pick(table, "192.0.2.1", { persistence: bySource }));
    expect(new Set(picks).size).toBe(1);
    expect(new Set(Array.from({ length: 9 }, () => pick(table, "192.0.2.1"))).size).toBe(3);
  });

  it("remembers, finds and forgets followed cookies, and tells the others", () => {
    const { engine, service, id } = world(persistence.parse({ kind: "cookie-follow" }), {}, three);
    const [one, other] = [engine(), engine()];
    one.remember(service.id, "cookie-hash", id(2), 1_000);
    expect(one.lookUp(service.id, "cookie-hash", 999)).toBe(id(2));
    expect(one.lookUp(service.id, "unknown", 999)).toBeUndefined();
    other.learn(one.takeSticky());
    expect(other.lookUp(service.id, "cookie-hash", 999)).toBe(id(2));
    expect(other.lookUp(service.id, "cookie-hash", 1_000)).toBeUndefined();
    one.remember(service.id, "cookie-hash", null, 0);
    expect(one.lookUp(service.id, "cookie-hash", 999)).toBeUndefined();
    const told = one.takeSticky();
    expect(told).toEqual([{ serviceId: service.id, key: "cookie-hash", memberId: null, expiresAt: 0 }]);
  });
});

describe("what an engine reports", () => {
  it("counts connections per service and member, and keeps the counts of what stays through a new snapshot", () => {
    const { engine, pool, service, id } = world({ kind: "none" }, {}, three);
    const table = engine();
    table.opened(service.id, id(0));
    table.opened(service.id, id(0));
    table.opened(service.id, id(1));
    table.dialled(id(1), "connection refused", service.id);
    table.closed(service.id, id(1));
    table.configure({ pools: [{ ...pool, members: pool.members.slice(0, 2) }], virtualServices: [{ ...service, mode: "tls-offload" }] });
    expect(table.loads()).toEqual([{ serviceId: service.id, members: [{ memberId: id(0), connections: 2, opened: 2, failed: 0 }, { memberId: id(1), connections: 0, opened: 1, failed: 1 }] }]);
  });

  it("still counts the connections of a member that left the pool and came back", () => {
    const { engine, pool, service, snapshot, id } = world({ kind: "none" }, { scheduling: "least-connections" }, three);
    const table = engine();
    table.opened(service.id, id(0));
    table.configure({ pools: [{ ...pool, members: pool.members.slice(1) }], virtualServices: [service] });
    table.configure(snapshot);
    expect(table.loads()[0]?.members[0]?.connections).toBe(1);
    table.closed(service.id, id(0));
    table.closed(service.id, id(0));
    expect(table.loads()[0]?.members[0]?.connections).toBe(0);
  });

  it("counts dials and the failures in a row that end with the newest one", () => {
    const { engine, id } = world({ kind: "none" }, {}, three);
    const table = engine();
    for (const error of ["refused", null, "timeout", "x".repeat(400)]) table.dialled(id(0), error);
    table.dialled(id(1), null);
    expect(table.takeDials()).toEqual([
      { memberId: id(0), succeeded: 1, failed: 3, failuresInRow: 2, lastFailure: "x".repeat(300) },
      { memberId: id(1), succeeded: 1, failed: 0, failuresInRow: 0, lastFailure: null },
    ]);
    expect(table.takeDials()).toEqual([]);
    table.dialled(id(0), "refused");
    expect(table.takeDials()).toEqual([{ memberId: id(0), succeeded: 0, failed: 1, failuresInRow: 3, lastFailure: "refused" }]);
  });

  it("takes back every earlier verdict with a full list", () => {
    const { engine, pick, say } = world({ kind: "none" }, {}, three);
    const table = engine();
    say(table, 0, false);
    table.setVerdicts([], [], true);
    expect(pick(table, null)).toBe(0);
  });

  it("believes verdicts that came before the snapshot", () => {
    const { pick, snapshot, id } = world({ kind: "none" }, {}, three);
    const table = new PoolTable();
    table.setVerdicts([{ memberId: id(0), isUp: false, elsewhere: 0 }], [], true);
    table.configure(snapshot);
    expect(pick(table, null)).toBe(1);
  });
});
