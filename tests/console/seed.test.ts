import "../support/with-database.ts";
import { describe, expect, it } from "vitest";
import { seedDemo, seedSizes } from "../../prisma/seed/demo.ts";
import { db } from "../../server/db.ts";
import { makeOrganisation } from "./support/console.ts";

describe("the demo data", () => {
  it.each(seedSizes.map((rows) => [rows]))("fills every list of a new organisation with %i rows that the procedures can show", { timeout: 120_000 }, async (rows) => {
    const org = await makeOrganisation();
    await seedDemo(db(), org.id, rows);
    const api = org.as("owner");
    const lists = await Promise.all([api.site.list({ search: "office" }), api.server.list({ kind: "site" }), api.agent.list({}), api.agentGroup.list({}), api.policy.list({}), api.bundle.list({}), api.user.list({}), api.refusal.list({}), api.apiKey.list({}), api.virtualService.list({}), api.pool.list({}), api.reachRule.list({}), api.reachRequest.list({}), api.reachSession.list({}), api.task.list({}), api.taskBatch.list({})]);
    expect(lists.map((list) => list.total)).toEqual(lists.map(() => rows));
    expect((await api.gateway.list({})).total).toBe(Math.min(rows, 60));
    expect((await api.relay.list({})).total).toBe(Math.min(rows, 40));
    const view = await api.topology.view();
    if (rows > 0) expect(new Set(view.agents.map((place) => (place.relayId === null ? "direct" : "relay")))).toEqual(new Set(["direct", "relay"]));
    await api.agent.collisions();
    await api.certificate.list({});
    await api.overview.view();
    expect(await api.audit.verify()).toMatchObject({ isIntact: true });
    for (const { id } of (await api.agent.list({ pageSize: 3 })).rows) await Promise.all([api.agent.get({ id }), api.agent.reach({ id })]);
    for (const { id } of (await api.relay.list({ pageSize: 7 })).rows) await Promise.all([api.relay.get({ id }), api.relay.package({ id }), api.relay.impact({ id })]);
    for (const { id } of (await api.reachRule.list({ pageSize: 3 })).rows) await api.reachRule.get({ id });
    for (const { id } of (await api.task.list({ pageSize: 8 })).rows) await api.task.get({ id });
    for (const { id } of (await api.taskBatch.list({ pageSize: 4 })).rows) await api.taskBatch.get({ id });
    for (const { id } of (await api.gateway.list({ pageSize: 3 })).rows) await api.gateway.get({ id });
    for (const { id } of (await api.virtualService.list({ pageSize: 3 })).rows) await Promise.all([api.virtualService.get({ id }), api.virtualService.stats({ id }), api.virtualService.impact({ id })]);
    for (const { id } of (await api.pool.list({ pageSize: 3 })).rows) await Promise.all([api.pool.get({ id }), api.pool.history({ id })]);
    for (const { id } of (await api.policy.list({ pageSize: 3 })).rows) await api.policy.get({ id });
  });

  it("does not touch an organisation that is in use", async () => {
    const org = await makeOrganisation();
    await seedDemo(db(), org.id, 3);
    await expect(seedDemo(db(), org.id, 3)).rejects.toThrow("has agents already");
  });
});
