import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { refusalCodes } from "../../contract/error-codes.ts";
import { db } from "../../server/db.ts";
import { makeAgent, makeGateway, makeGroup, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
beforeAll(async () => {
  org = await makeOrganisation();
});

const refuse = (organisation: Organisation, columns: object) => db().refusal.create({ data: { id: randomUUID(), organisationId: organisation.id, at: new Date(), code: "policy-none", detail: "detail", connectionId: randomUUID(), source: "198.51.100.1", ...columns } });

describe("the refusal ledger", () => {
  it("gives every reason its own sentence and a cure [S1-56] [S1-65]", async () => {
    for (const code of refusalCodes) await refuse(org, { code });
    const { rows, total } = await org.as("auditor").refusal.list({ pageSize: 200 });
    expect(total).toBe(refusalCodes.length);
    expect(new Set(rows.map((row) => row.sentence)).size).toBe(refusalCodes.length);
    expect(rows.every((row) => row.cure.length > 0)).toBe(true);
  });

  it("groups the last 24 hours by cause, counting repeats, the commonest first", async () => {
    const other = await makeOrganisation();
    await refuse(other, { code: "certificate-expired", count: 40 });
    await refuse(other, { code: "policy-none", count: 2 });
    await refuse(other, { code: "policy-none", count: 3 });
    await refuse(other, { code: "tls-not-tls", at: new Date(Date.now() - 25 * 3_600_000) });
    const summary = await other.as("auditor").refusal.summary();
    expect(summary.total).toBe(45);
    expect(summary.causes.map((cause) => [cause.code, cause.count])).toEqual([["certificate-expired", 40], ["policy-none", 5]]);
  });
});

describe("the audit", () => {
  it("notices an event that was altered, and one that was taken away", async () => {
    const other = await makeOrganisation();
    for (let index = 0; index < 5; index += 1) await makeGroup(other);
    expect(await other.as("auditor").audit.verify()).toMatchObject({ isIntact: true });
    const events = await db().auditEvent.findMany({ where: { organisationId: other.id }, orderBy: { id: "asc" } });
    const victim = events[2];
    await db().auditEvent.update({ where: { id: victim?.id ?? 0n }, data: { actorId: "somebody-else" } });
    expect(await other.as("auditor").audit.verify()).toMatchObject({ isIntact: false, brokenAt: String(victim?.id) });
    await db().auditEvent.update({ where: { id: victim?.id ?? 0n }, data: { actorId: victim?.actorId ?? "" } });
    expect(await other.as("auditor").audit.verify()).toMatchObject({ isIntact: true });
    await db().auditEvent.delete({ where: { id: events.at(-1)?.id ?? 0n } });
    expect(await other.as("auditor").audit.verify()).toMatchObject({ isIntact: false, brokenAt: null });
  });

  it("filters by action, target, actor and time", async () => {
    const other = await makeOrganisation();
    const group = await makeGroup(other);
    const { rows } = await other.as("auditor").audit.list({ action: "agent-group.create", targetId: group, actorId: "user-administrator", since: new Date(Date.now() - 60_000).toISOString() });
    expect(rows).toHaveLength(1);
    expect((await other.as("auditor").audit.list({ until: new Date(Date.now() - 60_000).toISOString() })).total).toBe(0);
  });
});

describe("search", () => {
  it("finds objects of every kind by name, those that start with the text first", async () => {
    const other = await makeOrganisation();
    await makeAgent(other, { hostname: "the-kiosk" });
    await makeGroup(other, [], "Kiosks");
    await makeGateway(other, "Kiosk gateway");
    const found = await other.as("auditor").search.query({ text: "kiosk" });
    expect(found.map((entry) => entry.kind).sort()).toEqual(["agent", "agentGroup", "gateway"]);
    expect(found.at(-1)?.name).toBe("the-kiosk");
    expect(await other.as("auditor").search.query({ text: "%" })).toEqual([]);
  });
});

describe("the overview", () => {
  it("counts agents by state and path, and shows gateways, servers and sites", async () => {
    const other = await makeOrganisation();
    await makeAgent(other, { path: { kind: "gateway", gatewayId: "g", name: "G" } as never });
    await makeAgent(other, { path: { kind: "lan" } });
    await makeAgent(other, { lastSeenAt: new Date(Date.now() - 3_600_000) });
    await makeAgent(other, { revokedAt: new Date() });
    await makeGateway(other);
    const view = await other.as("auditor").overview.view();
    expect(view.agents).toEqual({ total: 4, online: 2, viaGateway: 1, onLan: 1, late: 0, offline: 1, pending: 0, revoked: 1 });
    expect([view.gateways.length, view.servers.length, view.sites.length]).toEqual([1, 1, 2]);
  });
});
