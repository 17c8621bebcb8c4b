/** What a change asks for before it cuts clients off, what it keeps, what it records and whom it tells. */
import "../support/with-database.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { buildSnapshots } from "../../server/services/snapshot/build.ts";
import { type Api, expectRefusal, makeAgent, makeGateway, makeGroup, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let api: Api;
let gateway: string;
let other: string;
let service: string;
let pool: string;
let settings: { name: string; port: number; serverNames: string[]; stampName: string; gatewayIds: string[]; poolId: string };

beforeEach(async () => {
  org = await makeOrganisation();
  api = org.as("administrator");
  [gateway, other] = [await makeGateway(org), await makeGateway(org)];
  pool = (await api.pool.create({ name: "Mail pool", members: ["one", "two"].map((name) => ({ name, host: `${name}.corp.example`, port: 443 })) })).id;
  settings = { name: "Mail", port: 8443, serverNames: ["mail.example.com"], stampName: "mail.example.com", gatewayIds: [gateway], poolId: pool };
  service = (await api.virtualService.create(settings)).id;
});

const membersOf = async () => (await api.pool.get({ id: pool })).members;
const revisions = async () => Promise.all([gateway, other].map(async (id) => (await db().gateway.findUniqueOrThrow({ where: { id } })).revision));
const lastAudit = async () => db().auditEvent.findFirstOrThrow({ where: { organisationId: org.id }, orderBy: { id: "desc" } });

async function report(connections: number, states: ("up" | "down")[] = []): Promise<void> {
  const members = await membersOf();
  const load = { serviceId: service, connections, opened: 9, refused: 0, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp: 0, bytesDown: 0, members: [{ memberId: members[0]?.id ?? "", connections, opened: 9, failed: 0 }] };
  await db().serviceLoad.upsert({ where: { gatewayId_serviceId: { gatewayId: gateway, serviceId: service } }, create: { gatewayId: gateway, serviceId: service, at: new Date(), load }, update: { load } });
  for (const [index, state] of states.entries()) {
    const memberId = members[index]?.id ?? "";
    const health = { state, cause: `${members[index]?.name ?? ""}: ${state}`, since: new Date() };
    await db().memberHealth.upsert({ where: { gatewayId_memberId: { gatewayId: gateway, memberId } }, create: { gatewayId: gateway, memberId, ...health }, update: health });
  }
}

async function builtSnapshot() {
  const built = (await buildSnapshots(db(), org.id, [gateway])).get(gateway);
  if (!built || built instanceof Error) throw new Error("no snapshot", { cause: built });
  return built;
}

describe("a change of a service", () => {
  it("is one transaction: row, audit with before and after, and the revision of every gateway that has or had it [S2-15]", async () => {
    const before = await revisions();
    expect(await api.virtualService.update({ id: service, version: 0, ...settings, gatewayIds: [other], note: "moved" })).toEqual({ version: 1 });
    expect(await revisions()).toEqual(before.map((revision) => revision + 1));
    expect(await lastAudit()).toMatchObject({ action: "virtual-service.update", targetKind: "virtualService", targetId: service, changes: expect.arrayContaining([{ path: "note", before: "", after: "moved" }, { path: "gatewayIds", before: [gateway], after: [other] }]) });
    await expectRefusal(api.virtualService.update({ id: service, version: 0, ...settings }), "changed-meanwhile");
    expect(await revisions()).toEqual(before.map((revision) => revision + 1));
  });

  it("switches the mode with one field, on one object, and leaves the pool and its members as they are [S2-07] [S2-08] [S2-13] [S2-14]", async () => {
    const certificate = (await api.certificate.issueForService({ name: "Mail", names: ["mail.example.com"] })).id;
    const membersBefore = (await builtSnapshot()).pools;
    for (const [version, mode] of (["tls-offload", "tls-reencrypt", "tls-passthrough"] as const).entries()) {
      await api.virtualService.update({ id: service, version, ...settings, mode, certificateIds: [certificate] });
      const built = await builtSnapshot();
      expect(built.virtualServices).toMatchObject([{ id: service, mode }]);
      expect(built.virtualServices[0]?.certificates.length).toBe(mode === "tls-passthrough" ? 0 : 1);
      expect(built.pools).toEqual(membersBefore);
    }
  });

  it("keeps its persistence key, so that cookies stay valid; no answer and no audit row holds it or a private key [T40]", async () => {
    const certificate = (await api.certificate.issueForService({ name: "Mail", names: ["mail.example.com"] })).id;
    await api.virtualService.update({ id: service, version: 0, ...settings, gatewayIds: [gateway, other], mode: "tls-offload", certificateIds: [certificate] });
    const both = await buildSnapshots(db(), org.id, [gateway, other]);
    const services = [...both.values()].map((built) => (built instanceof Error ? undefined : built.virtualServices[0]));
    const secret = services[0]?.persistenceKey ?? "";
    expect(secret).toHaveLength(44);
    expect(services[1]).toEqual(services[0]);
    await api.virtualService.update({ id: service, version: 1, ...settings, mode: "tls-offload", certificateIds: [certificate] });
    const built = (await builtSnapshot()).virtualServices[0];
    expect(built?.persistenceKey).toBe(secret);
    expect(built?.certificates[0]?.keyPem).toContain("PRIVATE KEY");
    const shown = JSON.stringify([await api.virtualService.get({ id: service }), await api.certificate.get({ id: certificate }), await db().auditEvent.findMany({ where: { organisationId: org.id } })], (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain("PRIVATE KEY");
    const row = await db().virtualService.findUniqueOrThrow({ where: { id: service } });
    expect(Buffer.from(row.persistenceKey).includes(Buffer.from(secret, "base64"))).toBe(false);
  });

  it("presents one certificate on every gateway that serves the name; one in use is not deleted, and says by whom [S3-30] [S3-31]", async () => {
    const certificate = (await api.certificate.issueForService({ name: "Mail", names: ["mail.example.com"] })).id;
    await api.virtualService.update({ id: service, version: 0, ...settings, gatewayIds: [gateway, other], mode: "tls-reencrypt", certificateIds: [certificate] });
    const built = [...(await buildSnapshots(db(), org.id, [gateway, other])).values()].map((one) => (one instanceof Error ? [] : one.virtualServices.flatMap((row) => row.certificates.map((each) => each.fingerprint))));
    expect(built[0]).toHaveLength(1);
    expect(built[1]).toEqual(built[0]);
    const detail = await api.certificate.get({ id: certificate });
    expect(detail).toMatchObject({ purpose: "service", name: "Mail", names: ["mail.example.com"], hasKey: true, usedBy: ['virtual service "Mail" presents it'] });
    await expectRefusal(api.certificate.remove({ id: certificate }), "in-use");
    await api.virtualService.update({ id: service, version: 1, ...settings });
    await api.certificate.remove({ id: certificate });
    await expectRefusal(api.certificate.issueForService({ name: "Mail", names: [] }), "input-invalid");
  });
});

describe("what cuts clients off", () => {
  it("asks for the service's name and counts the connections: switching off, deleting, moving while clients are there", async () => {
    await report(7);
    const impact = await api.virtualService.impact({ id: service });
    expect(impact).toMatchObject({ needsConfirmation: true, lines: ["7 established connections now", expect.stringContaining("no longer answers on [::]:8443 for mail.example.com")] });
    const refused = await expectRefusal(api.virtualService.setEnabled({ id: service, isEnabled: false, version: 0 }), "confirmation-missing");
    expect(refused.message).toContain("7 established connections");
    expect(refused.fields).toEqual([{ path: "confirmName", message: "type Mail" }]);
    await expectRefusal(api.virtualService.update({ id: service, version: 0, ...settings, isEnabled: false }), "confirmation-missing");
    await expectRefusal(api.virtualService.update({ id: service, version: 0, ...settings, port: 8444 }), "confirmation-missing");
    await expectRefusal(api.virtualService.update({ id: service, version: 0, ...settings, gatewayIds: [] }), "confirmation-missing");
    await expectRefusal(api.virtualService.remove({ id: service, confirmName: "mail" }), "confirmation-missing");
    expect((await builtSnapshot()).virtualServices).toHaveLength(1);
    await api.virtualService.setEnabled({ id: service, isEnabled: false, version: 0, confirmName: "Mail" });
    expect(await lastAudit()).toMatchObject({ action: "virtual-service.disable", changes: [{ path: "isEnabled", before: true, after: false }] });
    expect((await builtSnapshot()).virtualServices).toEqual([]);
    expect((await builtSnapshot()).pools).toEqual([]);
    await api.virtualService.remove({ id: service });
    expect(await lastAudit()).toMatchObject({ action: "virtual-service.remove", targetName: "Mail" });
  });

  it("asks before another stamp name while agents know the old one, with their number [S3-22] [S3-44] [S3-45]", async () => {
    await api.virtualService.update({ id: service, version: 0, ...settings, stampName: "post.example.com" });
    await api.virtualService.update({ id: service, version: 1, ...settings });
    const group = await makeGroup(org, [await makeAgent(org), await makeAgent(org)]);
    await api.policy.create({ name: "Field staff", gateways: [{ gatewayId: gateway, fqdn: "mail.example.com", pins: ["b".repeat(64)] }], groupIds: [group] });
    const bundle = await db().bundle.create({ data: { organisationId: org.id, name: "B", nameKey: "b", platform: "linux-x64", usesMax: 1, expiresAt: new Date(), stamp: { managementServer: "srv.example:4726", gateways: ["mail.example.com:443"] }, createdByName: "x" } });
    await db().agent.update({ where: { id: await makeAgent(org) }, data: { bundleId: bundle.id } });
    await makeAgent(org);
    const refused = await expectRefusal(api.virtualService.update({ id: service, version: 2, ...settings, stampName: "post.example.com" }), "confirmation-missing");
    expect(refused.message).toContain("mail.example.com (3 enrolled agents)");
    expect((await api.virtualService.impact({ id: service })).agentsAffected).toBe(3);
    await api.virtualService.update({ id: service, version: 2, ...settings, stampName: "post.example.com", confirmName: "Mail" });
  });

  it("asks for the pool's name when an edit leaves no working member, and for the member's when its state does", async () => {
    const [one, two] = await membersOf();
    const ids = { poolId: pool, memberId: one?.id ?? "" };
    await report(3, ["up", "down"]);
    expect(await api.pool.memberImpact({ ...ids, state: "drain" })).toMatchObject({ needsConfirmation: true, connections: 3, sharesAfter: [{ name: "one", share: 0 }, { name: "two", share: 0 }] });
    const refused = await expectRefusal(api.pool.setMemberState({ ...ids, state: "disabled" }), "confirmation-missing");
    expect(refused.message).toBe('Service "Mail" would have no working member left (3 connections now); repeat the name "one" to confirm.');
    await expectRefusal(api.pool.update({ id: pool, version: 0, name: "Mail pool", members: [{ name: "two", host: "two.corp.example", port: 443 }] }), "confirmation-missing");
    await expectRefusal(api.pool.update({ id: pool, version: 0, name: "Mail pool", members: [] }), "confirmation-missing");
    await report(3, ["up", "up"]);
    expect(await api.pool.memberImpact({ ...ids, state: "disabled" })).toMatchObject({ needsConfirmation: false, sharesAfter: [{ name: "one", share: 0 }, { name: "two", share: 1 }] });
    expect(await org.as("operator").pool.setMemberState({ ...ids, state: "disabled" })).toEqual({ version: 1 });
    await expectRefusal(api.pool.setMemberState({ poolId: pool, memberId: two?.id ?? "", state: "drain" }), "confirmation-missing");
    await api.pool.setMemberState({ poolId: pool, memberId: two?.id ?? "", state: "drain", confirmName: "two" });
    expect((await api.virtualService.get({ id: service })).poolDetail.state).toBe("disabled");
  });
});

describe("a member", () => {
  it("keeps its id and history through an edit: by its id, or by host and port; two may swap their places", async () => {
    const [one, two] = await membersOf();
    const edit = (version: number, members: { id?: string; name: string; host: string; port: number; weight?: number }[]) => api.pool.update({ id: pool, version, name: "Mail pool", members });
    await edit(0, [{ name: "Two", host: "two.corp.example", port: 443, weight: 5 }, { id: one?.id ?? "", name: "one", host: "three.corp.example", port: 444 }]);
    expect((await membersOf()).map(({ id, name, host, weight }) => ({ id, name, host, weight }))).toEqual([{ id: two?.id, name: "Two", host: "two.corp.example", weight: 5 }, { id: one?.id, name: "one", host: "three.corp.example", weight: 1 }]);
    await edit(1, [{ id: one?.id ?? "", name: "one", host: "two.corp.example", port: 443 }, { id: two?.id ?? "", name: "two", host: "three.corp.example", port: 444 }, { name: "new", host: "new.corp.example", port: 443 }]);
    const after = await membersOf();
    expect(after.map(({ id, host }) => ({ id, host })).slice(0, 2)).toEqual([{ id: one?.id, host: "two.corp.example" }, { id: two?.id, host: "three.corp.example" }]);
    expect((await builtSnapshot()).pools[0]?.members.map((member) => member.name)).toEqual(["one", "two", "new"]);
    await expectRefusal(edit(2, [{ id: one?.id ?? "", name: "a", host: "a.example", port: 1 }, { id: one?.id ?? "", name: "b", host: "b.example", port: 1 }]), "input-invalid");
    expect(await lastAudit()).toMatchObject({ action: "pool.update", targetKind: "pool" });
  });

  it("changes state at once on every gateway of the pool's services, and established connections end only when asked", async () => {
    await api.virtualService.create({ ...settings, name: "Mail inside", port: 8444, gatewayIds: [other] });
    const [one] = await membersOf();
    const before = await revisions();
    await api.pool.setMemberState({ poolId: pool, memberId: one?.id ?? "", state: "drain" });
    expect(await revisions()).toEqual(before.map((revision) => revision + 1));
    expect((await builtSnapshot()).pools[0]?.members[0]).toEqual({ id: one?.id, name: "one", host: "one.corp.example", port: 443, weight: 1, maxConnections: null, state: "drain" });
    await report(4);
    await api.pool.setMemberState({ poolId: pool, memberId: one?.id ?? "", state: "disabled", cuts: true });
    expect((await builtSnapshot()).pools[0]?.members[0]).toMatchObject({ state: "disabled", cuts: 1 });
    expect(await lastAudit()).toMatchObject({ action: "pool.member.disable", targetName: "Mail pool", changes: [{ path: "members.one.state", before: "drain", after: "disabled" }, { path: "members.one.connections", before: 4, after: "ended" }] });
    await expectRefusal(api.pool.update({ id: pool, version: 0, name: "Mail pool", members: [] }), "changed-meanwhile");
    const raised = await revisions();
    await api.pool.update({ id: pool, version: 2, name: "Mail pool", scheduling: "least-connections", members: (await membersOf()).map(({ id, name, host, port, state }) => ({ id, name, host, port, state })) });
    expect(await revisions()).toEqual(raised.map((revision) => revision + 1));
    expect((await builtSnapshot()).pools[0]?.members[0]).toMatchObject({ state: "disabled", cuts: 1 });
  });

  it("is not lost with its pool while a service uses it", async () => {
    expect((await api.pool.impact({ id: pool })).blockers).toEqual(['virtual service "Mail" uses it; give the service another pool, or delete it, first']);
    await expectRefusal(api.pool.remove({ id: pool, confirmName: "Mail pool" }), "in-use");
    await api.virtualService.remove({ id: service, confirmName: "Mail" });
    await api.pool.remove({ id: pool });
    expect(await lastAudit()).toMatchObject({ action: "pool.remove", targetName: "Mail pool" });
  });
});

describe("a gateway with services", () => {
  it("says which services it serves before it is deleted, and gives FIPS algorithms to them when it is restricted", async () => {
    expect(await api.gateway.impact({ id: gateway })).toMatchObject({ needsConfirmation: true, lines: ['virtual service "Mail" is no longer served by it'] });
    await db().gateway.update({ where: { id: gateway }, data: { isFipsOnly: true } });
    expect((await builtSnapshot()).virtualServices[0]?.algorithms).toBe("fips");
  });
});
