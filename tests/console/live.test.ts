import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import type { LiveEvent } from "../../contract/objects.ts";
import { db } from "../../server/db.ts";
import { liveChanges } from "../../server/services/live/changes.ts";
import { testDatabase } from "../support/with-database.ts";
import { makeGroup, makeOrganisation, type Organisation, refusal } from "./support/console.ts";

const open: AbortController[] = [];
afterEach(() => {
  for (const controller of open.splice(0)) controller.abort();
});

type Stream = { events: LiveEvent[]; ended: Promise<unknown>; until: (fits: () => boolean, withinMs?: number) => Promise<void> };

/** Reads the stream of this organisation in the background, as an open page does. */
async function openPage(organisation: Organisation, credential?: { kind: "session"; id: string; userId: string }): Promise<Stream> {
  const controller = new AbortController();
  open.push(controller);
  const events: LiveEvent[] = [];
  const caller = organisation.callerAs("auditor");
  const asking = credential ? { ...caller, actor: { ...caller.actor, id: credential.userId }, credential: { kind: credential.kind, id: credential.id } as const } : caller;
  const read = async () => {
    for await (const event of liveChanges(asking, { signal: controller.signal, url: testDatabase.url })) events.push(event);
  };
  const ended = read().catch((error: unknown) => error);
  const until = async (fits: () => boolean, withinMs = 5_000) => {
    const deadline = Date.now() + withinMs;
    while (!fits()) {
      if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms; got ${JSON.stringify(events)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await untilListening();
  return { events, ended, until };
}

/** The stream's own connection has said LISTEN. */
async function untilListening(): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const rows = await db().$queryRaw<unknown[]>`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sallyport-live' AND state = 'idle' AND query LIKE 'LISTEN%'`;
    if (rows.length > 0) return;
    if (Date.now() > deadline) throw new Error("the live stream does not listen");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("the live stream", () => {
  it("tells an open page what became stale, once for many changes of one object", async () => {
    const org = await makeOrganisation();
    const page = await openPage(org);
    const group = await makeGroup(org);
    await page.until(() => page.events.some((event) => event.topic === "agentGroup" && event.id === group));
    const before = page.events.length;
    await db().$transaction(async (tx) => {
      for (let index = 0; index < 50; index += 1) await tx.$executeRaw`SELECT pg_notify('sallyport_live', ${JSON.stringify({ organisationId: org.id, topic: "agent", id: group, n: index })})`;
    });
    await db().$executeRaw`SELECT pg_notify('sallyport_live', ${JSON.stringify({ organisationId: org.id, topic: "agent", id: group })})`;
    await page.until(() => page.events.length > before);
    expect(page.events.length - before).toBeLessThan(5);
  });

  it("tells nothing of another organisation [T33]", async () => {
    const [own, foreign] = [await makeOrganisation(), await makeOrganisation()];
    const page = await openPage(own);
    const foreignGroup = await makeGroup(foreign);
    const ownGroup = await makeGroup(own);
    await page.until(() => page.events.some((event) => event.id === ownGroup));
    expect(page.events.filter((event) => event.id === foreignGroup)).toEqual([]);
  });

  it("ends within five seconds of the end of the session [T34]", async () => {
    const org = await makeOrganisation();
    const user = await db().user.create({ data: { id: randomUUID(), name: "Leaving", email: `${randomUUID()}@example.com`, memberships: { create: { organisationId: org.id, role: "auditor" } } } });
    const session = await db().session.create({ data: { id: randomUUID(), token: randomUUID(), expiresAt: new Date(Date.now() + 3_600_000), userId: user.id } });
    const page = await openPage(org, { kind: "session", id: session.id, userId: user.id });
    await db().session.delete({ where: { id: session.id } });
    const started = Date.now();
    await expect(page.ended).resolves.toMatchObject({ code: "not-signed-in" });
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  it("comes back by itself after the database ended its connection, and then calls everything stale [S1-63]", async () => {
    const org = await makeOrganisation();
    const page = await openPage(org);
    const admin = new pg.Client({ connectionString: testDatabase.url });
    await admin.connect();
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sallyport-live'");
    await admin.end();
    await page.until(() => new Set(page.events.map((event) => event.topic)).size >= 14, 10_000);
    const group = await makeGroup(org);
    await page.until(() => page.events.some((event) => event.id === group));
  });

  it("refuses whoever is not signed in", async () => {
    const { appRouter } = await import("../../server/trpc/root.ts");
    const error = await refusal(appRouter.createCaller({ caller: null, requestId: "r", source: null }).live.changes());
    expect(error.code).toBe("not-signed-in");
  });
});
