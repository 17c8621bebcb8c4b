/** What the console keeps of a gateway's reports about services: health with history, numbers with samples; only of what is the gateway's own. */
import "../support/with-database.ts";
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ControlReport } from "../../contract/control.ts";
import type { MemberHealth, MemberHealthState } from "../../contract/health-check.ts";
import type { ServiceLoad } from "../../contract/virtual-service.ts";
import type { Caller } from "../../server/services/caller.ts";
import type { ReportMemory } from "../../server/services/gateway/record-report.ts";
import { ControlBench } from "../support/control-bench.ts";
import { until } from "../support/sockets.ts";

let bench: ControlBench;
let memory: ReportMemory;
let gatewayId: string;
let caller: Caller;
let pool: { id: string; members: string[] };
let serviceId: string;

beforeAll(async () => {
  bench = await ControlBench.start();
});
afterAll(async () => await bench.close());
beforeEach(async () => {
  memory = {};
  gatewayId = (await bench.gateway()).id;
  caller = await callerOf(gatewayId);
  pool = await makePool(bench.organisationId);
  serviceId = await makeService(bench.organisationId, pool.id, gatewayId);
});

async function callerOf(id: string): Promise<Caller> {
  const { gatewayCaller } = await import("../../server/services/gateway/gateway-caller.ts");
  return gatewayCaller({ id, name: "gw", organisationId: bench.organisationId }, { db: bench.db, source: null, requestId: "test" });
}

async function makePool(organisationId: string): Promise<{ id: string; members: string[] }> {
  const name = `pool ${randomBytes(4).toString("hex")}`;
  const row = await bench.db.pool.create({
    data: { organisationId, name, nameKey: name, healthCheck: { kind: "none" }, members: { create: [0, 1].map((ordinal) => ({ ordinal, name: `m${ordinal}`, host: "192.0.2.1", port: 8_000 + ordinal })) } },
    include: { members: { orderBy: { ordinal: "asc" } } },
  });
  return { id: row.id, members: row.members.map((member) => member.id) };
}

async function makeService(organisationId: string, poolId: string, onGateway: string | null): Promise<string> {
  const name = `service ${randomBytes(4).toString("hex")}`;
  const row = await bench.db.virtualService.create({ data: { organisationId, name, nameKey: name, address: "127.0.0.1", port: 1, serverNames: [], mode: "tcp", protocol: "tcp", settings: {}, persistenceKey: randomBytes(32), poolId, ...(onGateway ? { gateways: { create: { gatewayId: onGateway } } } : {}) } });
  return row.id;
}

async function report(parts: Partial<ControlReport>, now?: Date): Promise<void> {
  const { recordReport } = await import("../../server/services/gateway/record-report.ts");
  await recordReport(caller, { status: null, refusals: [], refusalsDropped: 0, tunnels: [], logs: [], health: [], services: [], channels: [], areChannelsComplete: false, sessions: [], relays: [], ...parts }, memory, now);
}

function health(memberId: string, state: MemberHealthState, cause: string, since: string): MemberHealth {
  return { poolId: pool.id, memberId, state, cause, since, checkedAt: since, tookMs: 1.5, certificate: null };
}

function load(id: string, opened: number, more: Partial<ServiceLoad> = {}): ServiceLoad {
  return { serviceId: id, connections: 2, opened, refused: 0, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp: opened * 10, bytesDown: 0, members: [], ...more };
}

const member = (index: number): string => pool.members[index] ?? "";
const events = async () => await bench.db.memberHealthEvent.findMany({ where: { memberId: { in: pool.members } }, orderBy: { id: "asc" } });

describe("a report with text from outside", () => {
  it("is kept whole when a text in it is none that the database can hold, and hurts nothing beside it [T04]", async () => {
    const refusal = { id: randomUUID(), at: new Date().toISOString(), code: "target-malformed" as const, detail: "half \ud800 of a character", connectionId: randomBytes(8).toString("hex"), source: "192.0.2.9:1", listenerId: null, serverName: null, target: "a\u0000b:22", agentId: null, certificate: null, count: 1 };
    const up = health(member(0), "up", "m0: \u0000", "2026-01-01T00:00:00.000Z");
    await report({ refusals: [refusal], health: [up] });
    expect(await bench.db.refusal.findMany({ where: { gatewayId }, select: { target: true } })).toEqual([{ target: "a\ufffdb:22" }]);
    expect(await events()).toHaveLength(1);
  });
});

describe("a report about members", () => {
  it("keeps the newest state and one row of history per change, with the cause chain, however often it is told [S3-18] [N6]", async () => {
    const up = health(member(0), "up", "m0: up", "2026-01-01T00:00:00.000Z");
    const down = health(member(0), "next-hop", "m0: up; next hop mta1:25 refused the connection", "2026-01-01T00:01:00.000Z");
    await report({ health: [up] });
    await report({ health: [down] });
    await report({ health: [down] });
    expect(await events()).toMatchObject([{ before: "unknown", state: "up", poolId: pool.id, gatewayId }, { before: "up", state: "next-hop", cause: down.cause, at: new Date(down.since) }]);
    expect(await bench.db.memberHealth.findMany({ where: { memberId: member(0) } })).toMatchObject([{ gatewayId, state: "next-hop", cause: down.cause, tookMs: 1.5 }]);
  });

  it("tells open pages of the pool and its services when something is new, and not when the same is said again [N6]", async () => {
    const { subscribeLive } = await import("../../server/services/live/listen.ts");
    const heard: string[] = [];
    const unsubscribe = subscribeLive(bench.organisationId, ({ topic, id }) => void heard.push(`${topic} ${id ?? ""}`));
    try {
      // The listener is there once it hears something.
      await until(async () => {
        await bench.db.$executeRaw`SELECT pg_notify('sallyport_live', ${JSON.stringify({ organisationId: bench.organisationId, topic: "guide", id: null })})`;
        return heard.length > 0;
      }, "the page is connected");
      const down = health(member(0), "down", "m0: down", "2026-01-01T00:00:00.000Z");
      await report({ health: [down] });
      await until(() => heard.includes(`pool ${pool.id}`) && heard.includes(`virtualService ${serviceId}`), "both are told");
      heard.length = 0;
      await report({ health: [down] });
      await report({ logs: [], services: [load(serviceId, 1)] });
      await until(() => heard.includes(`virtualService ${serviceId}`), "numbers are told");
      expect(heard.filter((event) => !event.startsWith("guide"))).toEqual([`virtualService ${serviceId}`]);
    } finally {
      unsubscribe();
    }
  });

  it("makes no history of a gateway that begins anew, only of what is different afterwards", async () => {
    await report({ health: [health(member(0), "up", "m0: up", "2026-01-01T00:00:00.000Z"), health(member(1), "up", "m1: up", "2026-01-01T00:00:00.000Z")] });
    await report({ health: pool.members.map((id) => health(id, "unknown", "not checked yet", "2026-01-01T01:00:00.000Z")) });
    await report({ health: [health(member(0), "up", "m0: up", "2026-01-01T01:00:01.000Z"), health(member(1), "down", "m1: down", "2026-01-01T01:00:01.000Z")] });
    expect((await events()).map(({ memberId, before, state }) => [memberId, before, state])).toEqual(expect.arrayContaining([[member(0), "unknown", "up"], [member(1), "unknown", "up"], [member(1), "up", "down"]]));
    expect(await events()).toHaveLength(3);
  });

  it("keeps 1,000 rows of history per member and nothing from the future [T17] [T38]", async () => {
    await bench.db.memberHealthEvent.createMany({ data: Array.from({ length: 1_005 }, (_, index) => ({ poolId: pool.id, memberId: member(0), gatewayId, at: new Date(index * 1_000), before: "up", state: index % 2 ? "up" : "down", cause: "c" })) });
    const now = new Date("2026-02-01T00:00:00Z");
    await report({ health: [health(member(0), "up", "m0: up", "2027-01-01T00:00:00.000Z")] }, now);
    const rows = await events();
    expect(rows).toHaveLength(1_000);
    expect(rows.at(-1)).toMatchObject({ state: "up", at: now });
    expect(rows[0]?.at).toEqual(new Date(6_000));
  });

  it("writes nothing about members of another organisation, nor of a pool that no service of this gateway uses [T33]", async () => {
    const other = await bench.db.organisation.create({ data: { name: "Other", nameKey: "other", trustDomain: "other.internal" } });
    const [foreign, unused] = [await makePool(other.id), await makePool(bench.organisationId)];
    await makeService(other.id, foreign.id, gatewayId);
    await makeService(bench.organisationId, unused.id, null);
    const told = [...foreign.members, ...unused.members, randomUUID()].map((id) => health(id, "down", "no", "2026-01-01T00:00:00.000Z"));
    await report({ health: [...told, health(member(0), "up", "m0: up", "2026-01-01T00:00:00.000Z")] });
    expect(await bench.db.memberHealth.findMany({ where: { gatewayId }, select: { memberId: true } })).toEqual([{ memberId: member(0) }]);
    expect(await bench.db.memberHealthEvent.count({ where: { memberId: { in: [...foreign.members, ...unused.members] } } })).toBe(0);
  });

  it("takes in 5,000 members in one report, about as quickly as so many plain rows [T38]", async () => {
    const plainAt = performance.now();
    await bench.db.poolMember.createMany({ data: Array.from({ length: 5_000 }, (_, index) => ({ poolId: pool.id, ordinal: index + 2, name: `n${index}`, host: `host-${index}`, port: 1 })) });
    const plainMs = performance.now() - plainAt;
    const ids = (await bench.db.poolMember.findMany({ where: { poolId: pool.id, ordinal: { gte: 2 } }, select: { id: true } })).map(({ id }) => id);
    const startedAt = performance.now();
    await report({ health: ids.map((id) => health(id, "down", "down", "2026-01-01T00:00:00.000Z")) });
    // Two tables with two references each; one statement per member would cost a hundred times as much.
    expect(performance.now() - startedAt).toBeLessThan(1_000 + 8 * plainMs);
    expect(await bench.db.memberHealth.count({ where: { memberId: { in: ids } } })).toBe(5_000);
  });
});

describe("a report about services", () => {
  const at = (minute: number, second = 0): Date => new Date(Date.UTC(2026, 0, 1, 0, minute, second));
  const samples = async () => (await bench.db.serviceSample.findMany({ where: { serviceId }, orderBy: { at: "asc" } })).map((row) => [row.at.getUTCMinutes(), row.connections, Number(row.opened), Number(row.bytesUp)]);

  it("keeps the newest numbers and one sample a minute with what was added, also over a restart of gateway and console", async () => {
    await report({ services: [load(serviceId, 5)] }, at(1));
    await report({ services: [load(serviceId, 50)] }, at(1, 30));
    await report({ services: [load(serviceId, 70, { connections: 9 })] }, at(2));
    memory = {};
    await report({ services: [load(serviceId, 100)] }, at(3));
    await report({ services: [load(serviceId, 8)] }, at(4));
    expect(await samples()).toEqual([[1, 2, 5, 50], [2, 9, 65, 650], [3, 2, 30, 300], [4, 2, 8, 80]]);
    expect(await bench.db.serviceLoad.findMany({ where: { serviceId } })).toMatchObject([{ gatewayId, load: load(serviceId, 8), at: at(4) }]);
  });

  it("keeps samples for seven days", async () => {
    await report({ services: [load(serviceId, 5)] }, at(1));
    await report({ services: [load(serviceId, 6)] }, new Date(at(2).getTime() + 7 * 86_400_000));
    expect(await bench.db.serviceSample.count({ where: { serviceId } })).toBe(1);
  });

  it("writes nothing about services of another gateway or organisation [T33]", async () => {
    const elsewhere = await makeService(bench.organisationId, pool.id, (await bench.gateway()).id);
    await report({ services: [load(elsewhere, 5), load(randomUUID(), 6), load(serviceId, 7)] });
    expect((await bench.db.serviceLoad.findMany({ where: { gatewayId }, select: { serviceId: true } })).map((row) => row.serviceId)).toEqual([serviceId]);
    expect(await bench.db.serviceLoad.count({ where: { serviceId: elsewhere } })).toBe(0);
  });
});
