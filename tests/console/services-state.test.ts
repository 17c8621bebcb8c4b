/** How services and pools do, put together from what gateways report: states with a reason, numbers, history; lists that the database sorts. */
import "../support/with-database.ts";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { GatewayStatus } from "../../contract/control.ts";
import { db } from "../../server/db.ts";
import { type Api, makeGateway, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let api: Api;

beforeAll(async () => {
  org = await makeOrganisation();
  api = org.as("administrator");
});

type Made = { service: string; pool: string; members: { id: string; name: string }[]; gateways: string[] };
let count = 0;
let made: Made;

beforeEach(async () => {
  made = await make();
});

async function make(more: Record<string, unknown> = {}): Promise<Made> {
  count += 1;
  const gateways = [await makeGateway(org, `Edge ${count} a`), await makeGateway(org, `Edge ${count} b`)];
  const members = ["one", "two"].map((name) => ({ name, host: `${name}.corp.example`, port: 25 }));
  const { id: service } = await api.virtualService.create({ name: `Mail ${count}`, port: 8443, gatewayIds: gateways, pool: { name: `Mail pool ${count}`, members, healthCheck: { kind: "smtp", nextHop: { host: "mta1", port: 25 } } }, ...more });
  for (const id of gateways) await connect(id);
  const { poolDetail } = await api.virtualService.get({ id: service });
  return { service, pool: poolDetail.id, members: poolDetail.members.map(({ id, name }) => ({ id, name })), gateways };
}

/** As a connected gateway that has applied its newest snapshot. */
async function connect(id: string, more: Partial<GatewayStatus> & { refusedRevision?: number } = {}): Promise<void> {
  const { refusedRevision, ...part } = more;
  const { revision } = await db().gateway.findUniqueOrThrow({ where: { id } });
  const status: GatewayStatus = { revision, accessVersion: 0, snapshotBuiltAt: null, isDraining: false, listeners: [], engines: [], tunnels: 0, bytesUp: 0, bytesDown: 0, handshakes: 0, channels: 0, refused: 0, servers: [], ...part };
  await db().gateway.update({ where: { id }, data: { enrolledAt: new Date(), connectedSince: new Date(), lastSeenAt: new Date(), appliedRevision: revision, refusedRevision: refusedRevision ?? 0, status } });
}

async function look(gateway: number, states: ("up" | "next-hop" | "down")[], causes: string[] = []): Promise<void> {
  for (const [index, state] of states.entries()) {
    const [gatewayId, memberId] = [made.gateways[gateway] ?? "", made.members[index]?.id ?? ""];
    const health = { state, cause: causes[index] ?? `${made.members[index]?.name ?? ""}: ${state}`, since: new Date() };
    await db().memberHealth.upsert({ where: { gatewayId_memberId: { gatewayId, memberId } }, create: { gatewayId, memberId, ...health }, update: health });
  }
}

const stateOf = async () => {
  const detail = await api.virtualService.get({ id: made.service });
  const listed = (await api.virtualService.list({ poolId: made.pool })).rows[0];
  expect(listed).toMatchObject({ state: detail.state, cause: detail.cause, membersUp: detail.membersUp, memberCount: detail.memberCount });
  return { state: detail.state, cause: detail.cause, up: detail.membersUp };
};

describe("the state of a service", () => {
  it("counts the worst view of each member, and names the cause in words [S3-18] [N6]", async () => {
    expect(await stateOf()).toEqual({ state: "unknown", cause: "No gateway has checked the members yet.", up: 0 });
    await look(0, ["up", "up"]);
    await look(1, ["up", "up"]);
    expect(await stateOf()).toEqual({ state: "up", cause: "All 2 members work.", up: 2 });
    await look(1, ["up", "next-hop"], ["", "two: up; next hop mta1:25 refused the connection"]);
    expect(await stateOf()).toEqual({ state: "degraded", cause: "All members answer, but a next hop does not. two: up; next hop mta1:25 refused the connection.", up: 2 });
    await look(0, ["down", "up"], ["one: connection refused"]);
    expect(await stateOf()).toEqual({ state: "degraded", cause: "1 of 2 members is down. one: connection refused.", up: 1 });
    expect((await api.pool.get({ id: made.pool })).members).toMatchObject([{ share: 0, status: { state: "down", cause: "one: connection refused" } }, { share: 1, status: { state: "next-hop", views: [{ health: { state: "up" } }, { health: { state: "next-hop" } }] } }]);
    await look(0, ["down", "down"], ["one: connection refused", "one: connection refused"]);
    expect((await stateOf()).state).toBe("down");
    expect((await api.pool.list({ search: `Mail pool ${count}` })).rows).toMatchObject([{ state: "down", membersUp: 0, memberCount: 2, checkKind: "smtp", serviceCount: 1 }]);
  });

  it("does not hear gateways that no longer serve it", async () => {
    await look(1, ["down", "down"]);
    await look(0, ["up", "up"]);
    const { version, name } = await api.virtualService.get({ id: made.service });
    await api.virtualService.update({ id: made.service, version, name, port: 8443, poolId: made.pool, gatewayIds: [made.gateways[0] ?? ""] });
    await connect(made.gateways[0] ?? "");
    expect(await stateOf()).toMatchObject({ state: "up" });
    expect((await api.pool.get({ id: made.pool })).state).toBe("up");
  });

  it("hears what gateways say of its address and port: refused, away, or not there [S2-15]", async () => {
    await look(0, ["up", "up"]);
    const [first = "", second = ""] = made.gateways;
    await connect(first, { listeners: [{ listenerId: made.service, address: "::", port: 8443, state: "closed", fingerprint: null, problem: "port 8443 is in use" }] });
    expect(await stateOf()).toEqual({ state: "degraded", cause: `Gateway "Edge ${count} a" does not serve [::]:8443: port 8443 is in use`, up: 2 });
    await connect(second, { refusedRevision: 99 });
    expect((await stateOf()).state).toBe("down");
    await connect(first, { listeners: [{ listenerId: made.service, address: "::", port: 8443, state: "accepting", fingerprint: null, problem: null }] });
    await db().gateway.update({ where: { id: second }, data: { connectedSince: null, refusedRevision: 0 } });
    expect(await stateOf()).toMatchObject({ state: "degraded", cause: `Gateway "Edge ${count} b": It has no control channel; it serves what it was told last.` });
    expect((await api.virtualService.get({ id: made.service })).listeners.map((listener) => listener.state)).toEqual(["accepting", "not-connected"]);
    await db().gateway.update({ where: { id: first }, data: { connectedSince: null } });
    expect(await stateOf()).toMatchObject({ state: "unknown" });
    await api.virtualService.setEnabled({ id: made.service, version: 0, isEnabled: false, confirmName: `Mail ${count}` });
    expect(await stateOf()).toMatchObject({ state: "disabled" });
    const nowhere = await make({ gatewayIds: [] });
    expect(await api.virtualService.get({ id: nowhere.service })).toMatchObject({ state: "down", cause: "The service is on no gateway; nothing serves it." });
  });

  it("stands among the overview's warnings while it is down or works in part", async () => {
    await look(0, ["down", "down"], ["one: connection refused"]);
    const own = (await api.overview.view()).warnings.filter((warning) => warning.link === `/virtual-services/${made.service}`);
    expect(own).toEqual([expect.objectContaining({ code: "service-down", sentence: expect.stringContaining("one: connection refused") })]);
    await look(0, ["up", "up"]);
    expect((await api.overview.view()).warnings.filter((warning) => warning.link === `/virtual-services/${made.service}`)).toEqual([]);
  });
});

describe("numbers of a service", () => {
  it("are summed over gateways, for the service and per member, with a line over the last hour", async () => {
    const [first, second] = made.members;
    for (const [index, gatewayId] of made.gateways.entries()) {
      const load = { serviceId: made.service, connections: 3 + index, opened: 10, refused: 1, requests: 5, responses: [0, 4, 0, 1, 0], bytesUp: 100, bytesDown: 200, members: [{ memberId: first?.id ?? "", connections: 2, opened: 6, failed: 1 }, { memberId: second?.id ?? "", connections: 1 + index, opened: 4, failed: 0 }] };
      await db().serviceLoad.create({ data: { gatewayId, serviceId: made.service, at: new Date(), load } });
      const at = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 120_000);
      await db().serviceSample.createMany({ data: [at, new Date(at.getTime() - 7_200_000)].map((moment) => ({ gatewayId, serviceId: made.service, at: moment, connections: 2, opened: 3n, requests: 1n, refused: 0n, bytesUp: 10n, bytesDown: 20n })) });
    }
    const stats = await org.as("auditor").virtualService.stats({ id: made.service });
    expect(stats.load).toMatchObject({ connections: 7, opened: 20, refused: 2, requests: 10, responses: [0, 8, 0, 2, 0], bytesUp: 200, bytesDown: 400 });
    expect(stats.load.members).toEqual([{ memberId: first?.id, connections: 4, opened: 12, failed: 2 }, { memberId: second?.id, connections: 3, opened: 8, failed: 0 }]);
    expect(stats.perGateway).toHaveLength(2);
    expect(stats.samples).toEqual([{ at: expect.any(String), connections: 4, opened: 6, requests: 2, refused: 0, bytesUp: 20, bytesDown: 40 }]);
    expect((await api.virtualService.list({ poolId: made.pool })).rows[0]?.connections).toBe(7);
    expect((await api.pool.get({ id: made.pool })).members.map((member) => member.status.connections)).toEqual([4, 3]);
  });
});

describe("the health history of a pool", () => {
  it("shows each change with its cause, newest first, and can be searched and narrowed to a member [N6]", async () => {
    const [gatewayId = ""] = made.gateways;
    const [first, second] = made.members;
    const event = (memberId: string | undefined, minute: number, before: string, state: string, cause: string) => ({ poolId: made.pool, memberId: memberId ?? "", gatewayId, at: new Date(Date.UTC(2026, 0, 1, 0, minute)), before, state, cause });
    await db().memberHealthEvent.createMany({ data: [event(first?.id, 1, "up", "next-hop", "one: up; next hop mta1:25 refused the connection"), event(first?.id, 2, "next-hop", "down", "one: connection refused"), event(second?.id, 3, "unknown", "up", "two: up")] });
    const all = await api.pool.history({ id: made.pool });
    expect(all.total).toBe(3);
    expect(all.rows.map((row) => [row.member.name, row.before, row.state])).toEqual([["two", "unknown", "up"], ["one", "next-hop", "down"], ["one", "up", "next-hop"]]);
    expect((await api.pool.history({ id: made.pool, desc: false })).rows[0]?.state).toBe("next-hop");
    expect((await api.pool.history({ id: made.pool, memberId: first?.id ?? "" })).total).toBe(2);
    expect((await api.pool.history({ id: made.pool, search: "mta1" })).rows).toMatchObject([{ cause: "one: up; next hop mta1:25 refused the connection" }]);
    expect((await api.pool.history({ id: made.pool, page: 2, pageSize: 2 })).rows).toHaveLength(1);
  });
});

describe("lists", () => {
  it("search, sort and page in the database, and search takes % and _ for themselves", async () => {
    const own = await makeOrganisation();
    const there = own.as("administrator");
    const gateway = await makeGateway(own);
    const pools: string[] = [];
    for (const [index, name] of ["beta", "Alpha", "gamma_x"].entries()) {
      const pool = (await there.pool.create({ name: `${name} pool`, scheduling: index === 0 ? "source-hash" : "failover", members: Array.from({ length: index }, (_unused, at) => ({ name: `m${at}`, host: `m${at}.${name.toLowerCase().replace("_", "-")}.example`, port: 443 })) })).id;
      pools.push(pool);
      await there.virtualService.create({ name, port: 9000 - index, poolId: pool, mode: index === 0 ? "tcp" : "tls-passthrough", serverNames: index === 0 ? [] : [`${name.toLowerCase().replace("_", "-")}.example.com`], gatewayIds: index === 2 ? [gateway] : [] });
    }
    const services = async (input: Parameters<Api["virtualService"]["list"]>[0]) => (await there.virtualService.list(input)).rows.map((row) => row.name);
    expect(await services({})).toEqual(["Alpha", "beta", "gamma_x"]);
    expect(await services({ sort: "port" })).toEqual(["gamma_x", "Alpha", "beta"]);
    expect(await services({ sort: "createdAt", desc: true })).toEqual(["gamma_x", "Alpha", "beta"]);
    expect(await services({ sort: "mode" })).toEqual(["beta", "Alpha", "gamma_x"]);
    expect(await services({ mode: "tcp" })).toEqual(["beta"]);
    expect(await services({ gatewayId: gateway })).toEqual(["gamma_x"]);
    expect(await services({ poolId: pools[1] ?? "" })).toEqual(["Alpha"]);
    expect([await services({ search: "_" }), await services({ search: "%" }), await services({ search: "alpha.example" })]).toEqual([["gamma_x"], [], ["Alpha"]]);
    expect(await there.virtualService.list({ page: 2, pageSize: 2 })).toMatchObject({ total: 3, rows: [{ name: "gamma_x" }] });
    const names = async (input: Parameters<Api["pool"]["list"]>[0]) => (await there.pool.list(input)).rows.map((row) => row.name);
    expect(await names({ sort: "memberCount", desc: true })).toEqual(["gamma_x pool", "Alpha pool", "beta pool"]);
    expect(await names({ sort: "scheduling" })).toEqual(["Alpha pool", "gamma_x pool", "beta pool"]);
    expect(await names({ search: "m1.gamma" })).toEqual(["gamma_x pool"]);
    expect((await there.search.query({ text: "gamma" })).map((found) => found.kind).sort()).toEqual(["pool", "virtualService"]);
  });
});
