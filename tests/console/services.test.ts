/** Virtual services and pools through the console's procedures: from a pool to what a gateway is told. */
import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { buildSnapshots } from "../../server/services/snapshot/build.ts";
import { type Api, expectRefusal, makeGateway, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let api: Api;
let gateway: string;
let count = 0;

beforeAll(async () => {
  org = await makeOrganisation();
  api = org.as("administrator");
  gateway = await makeGateway(org);
});

const named = (what: string) => `${what} ${(count += 1)}`;
const members = (...weights: number[]) => weights.map((weight, index) => ({ name: `mail${index + 1}`, host: `mail${index + 1}.corp.example`, port: 443, weight }));

async function snapshotOf(id: string) {
  const built = (await buildSnapshots(db(), org.id, [id])).get(id);
  if (!built || built instanceof Error) throw new Error("no snapshot", { cause: built });
  return built;
}

const revisionOf = async (id: string) => (await db().gateway.findUniqueOrThrow({ where: { id }, select: { revision: true } })).revision;

describe("a virtual service", () => {
  it("is one object made in one step with its pool, and on the gateway's next snapshot at once [S2-10] [S2-13] [S2-14] [S2-15]", async () => {
    const before = await revisionOf(gateway);
    const { id } = await api.virtualService.create({ name: named("Mail"), address: "::", port: 8443, serverNames: ["Mail.Example.COM."], stampName: "mail.example.com", gatewayIds: [gateway], pool: { name: named("Mail pool"), isSessionBound: true, members: members(1, 1) } });
    expect(await revisionOf(gateway)).toBe(before + 1);
    const detail = await api.virtualService.get({ id });
    expect(detail).toMatchObject({ port: 8443, serverNames: ["mail.example.com"], mode: "tls-passthrough", protocol: "tcp", memberCount: 2, state: "unknown", gatewayIds: [gateway], limits: {}, version: 0 });
    expect(detail.poolDetail.members.map((member) => member.share)).toEqual([1, 0]);
    const built = await snapshotOf(gateway);
    expect(built.virtualServices).toEqual([expect.objectContaining({ id, port: 8443, poolId: detail.pool.id, certificates: [], algorithms: "standard" })]);
    expect(Buffer.from(built.virtualServices[0]?.persistenceKey ?? "", "base64").length).toBe(32);
    expect(built.pools).toEqual([expect.objectContaining({ id: detail.pool.id, scheduling: "failover", isSessionBound: true })]);
    expect(built.pools[0]?.members.map((member) => ({ id: member.id, host: member.host }))).toEqual(detail.poolDetail.members.map((member) => ({ id: member.id, host: member.host })));
    expect((await api.virtualService.list({ search: "mail.example" })).rows.map((row) => row.id)).toEqual([id]);
    await expectRefusal(api.virtualService.remove({ id }), "confirmation-missing");
    await api.virtualService.remove({ id, confirmName: detail.name });
    expect((await snapshotOf(gateway)).virtualServices).toEqual([]);
    await api.pool.remove({ id: detail.pool.id });
    await expectRefusal(api.pool.get({ id: detail.pool.id }), "not-found");
    await expectRefusal(api.pool.get({ id: randomUUID() }), "not-found");
  });
});
