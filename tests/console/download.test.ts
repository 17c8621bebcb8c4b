/** Download links at the door: whose they are, how often they work, and what a lowered role does to them. Real PostgreSQL, real HTTP. */
import "../support/with-database.ts";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { startDoors, type Doors } from "../support/console-doors.ts";
import { db } from "../../server/db.ts";
import { createApiKey } from "../../server/services/api-key/create.ts";
import { systemCaller } from "../../server/services/caller.ts";
import type { Role } from "../../contract/roles.ts";

let doors: Doors;
let organisationId: string;
let count = 0;

beforeAll(async () => {
  doors = await startDoors();
});

beforeEach(async () => {
  count += 1;
  organisationId = (await db().organisation.create({ data: { name: `Org ${count}`, nameKey: `org ${count}`, trustDomain: "sallyport.internal", agentSiteNames: ["localhost"] }, select: { id: true } })).id;
});

async function keyFor(role: Role): Promise<{ id: string; key: string }> {
  count += 1;
  return createApiKey(systemCaller(organisationId, "test"), { name: `key ${count}`, role, daysValid: 1 });
}

/** A link to something that is gone: what opens it is told so, what may not open it is told nothing else. */
async function link(createdById: string, options: { expiresAt?: Date; kind?: string } = {}): Promise<string> {
  const row = await db().downloadLink.create({ data: { organisationId, kind: options.kind ?? "gateway-package", targetId: crypto.randomUUID(), expiresAt: options.expiresAt ?? new Date(Date.now() + 60_000), createdById, createdByName: "x" }, select: { id: true } });
  return row.id;
}

const get = (id: string, key: string | null, method = "GET") => fetch(`${doors.url}/api/download/${id}`, { method, headers: key === null ? {} : { authorization: `Bearer ${key}` } });
const isUsed = async (id: string) => (await db().downloadLink.findUniqueOrThrow({ where: { id } })).usedAt !== null;

it("refuses a link without sign-in, to somebody else's key, twice, late, and for HEAD, without spending it [T34] [T40]", async () => {
  const owner = await keyFor("owner");
  const other = await keyFor("owner");
  const id = await link(owner.id);
  expect((await get(id, null)).status).toBe(401);
  expect((await get(id, other.key)).status).toBe(404);
  expect((await get(id, owner.key, "HEAD")).status).toBe(400);
  expect((await get("x", owner.key)).status).toBe(404);
  expect(await isUsed(id)).toBe(false);
  await get(id, owner.key);
  expect(await isUsed(id)).toBe(true);
  const late = await link(owner.id, { expiresAt: new Date(Date.now() - 1) });
  expect((await get(late, owner.key)).status).toBe(404);
  expect(await isUsed(late)).toBe(false);
});

it("refuses a link whose person may no longer make one [T34]", async () => {
  const { id, key } = await keyFor("administrator");
  for (const [kind, role] of [["gateway-package", "operator"], ["bundle", "auditor"]] as const) {
    const made = await link(id, { kind });
    await db().apiKey.updateMany({ where: { id }, data: { role } });
    expect((await get(made, key)).status, kind).toBe(403);
  }
});
