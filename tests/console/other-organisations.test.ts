import "../support/with-database.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { type Demand, mayDo, type Role, role } from "../../contract/roles.ts";
import { db } from "../../server/db.ts";
import { ConsoleError } from "../../server/errors.ts";
import { appRouter } from "../../server/trpc/root.ts";
import { type Api, asNobody, makeOrganisation, type Organisation } from "./support/console.ts";
import { type Ids, makeOneOfEach, marker, missingIds } from "./support/foreign.ts";
import { type Row, rows } from "./support/procedures.ts";

const paths = Object.keys(appRouter._def.procedures);
const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { meta?: { demand?: Demand } } }>;
/** Procedures whose role stands in the procedure's own builder; every one must have it. */
const demandOf = (path: string): Demand | undefined => procedures[path]?._def.meta?.demand;

let own: Organisation;
let foreign: Organisation;
let foreignIds: Ids;
let nowhere: Ids;

beforeAll(async () => {
  [own, foreign] = [await makeOrganisation("Own"), await makeOrganisation(`The ${marker}`)];
  foreignIds = await makeOneOfEach(foreign);
  nowhere = missingIds();
});

type Outcome = { code: string; message: string; fields: unknown } | { value: unknown };

async function call(api: Api, path: string, input: unknown): Promise<Outcome> {
  const [noun = "", verb = ""] = path.split(".");
  const procedure = (api as unknown as Record<string, Record<string, (input: unknown) => Promise<unknown>>>)[noun]?.[verb];
  if (!procedure) throw new Error(`no procedure ${path}`);
  try {
    return { value: await procedure(input) };
  } catch (error) {
    const known = error instanceof Error ? error.cause : undefined;
    if (!(known instanceof ConsoleError)) throw error;
    if (known.code === "internal") throw new Error(`${path} failed`, { cause: error });
    return { code: known.code, message: known.message, fields: known.fields };
  }
}

/** The outcome with the ids and moments taken out, so that two outcomes can be equal. */
function shapeOf(outcome: Outcome, ids: Ids): string {
  let text = JSON.stringify(outcome);
  for (const [name, id] of Object.entries(ids)) text = text.replaceAll(id, `<${name}>`);
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<at>").replace(/test-[0-9a-f]{8}/g, "<request>");
}

async function tablesOf(organisationId: string): Promise<string> {
  const where = { where: { organisationId } };
  const client = db();
  const parts = await Promise.all([
    client.site.findMany(where), client.server.findMany(where), client.gateway.findMany(where), client.agentGroup.findMany({ ...where, include: { members: true } }), client.agent.findMany({ ...where, include: { groups: true } }),
    client.relay.findMany({ ...where, include: { gateways: true } }), client.reachRule.findMany({ ...where, include: { groups: true } }), client.reachRequest.findMany(where), client.reachSession.findMany(where), client.task.findMany(where), client.taskBatch.findMany(where), client.policy.findMany({ ...where, include: { gateways: true, groups: true } }), client.pool.findMany({ ...where, include: { members: true } }), client.virtualService.findMany({ ...where, include: { gateways: true, certificates: true } }), client.certificate.findMany(where), client.bundle.findMany(where), client.membership.findMany(where), client.invite.findMany(where),
    client.apiKey.findMany(where), client.accessEntry.findMany(where), client.enrolmentToken.findMany(where), client.downloadLink.findMany(where), client.auditEvent.findMany(where), client.organisation.findMany({ where: { id: organisationId } }),
    client.session.findMany({ where: { id: foreignIds.session } }),
  ]);
  return JSON.stringify(parts, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

describe("every procedure of the console", () => {
  it("has a row in this matrix; a new procedure fails here until somebody says what it does with foreign ids [T33]", () => {
    expect(Object.keys(rows).sort()).toEqual([...paths].sort());
  });

  it("has its role in the procedure itself [T32]", () => {
    expect(paths.filter((path) => demandOf(path) === undefined)).toEqual([]);
  });

  it("refuses whoever is not signed in [T32] [T33]", async () => {
    for (const [path, inputs] of Object.entries(rows)) {
      for (const row of inputs) expect({ path, ...(await call(asNobody(), path, row.input(foreignIds))) }).toMatchObject({ path, code: "not-signed-in" });
    }
  });

  it.each(role.options.map((name) => [name]))("keeps role %s to what it may do, and answers ids of another organisation exactly like ids that exist nowhere [S1-09] [T32] [T33]", { timeout: 180_000 }, async (name: Role) => {
    const before = await tablesOf(foreign.id);
    for (const [path, inputs] of Object.entries(rows)) for (const row of inputs) await holds(name, path, row);
    expect(await tablesOf(foreign.id)).toBe(before);
  });
});

async function holds(name: Role, path: string, row: Row): Promise<void> {
  const api = own.as(name);
  const forForeign = await call(api, path, row.input(foreignIds));
  const demand = demandOf(path);
  const isAllowed = demand !== undefined && mayDo(name, demand);
  if (!isAllowed) {
    expect({ path, ...forForeign }).toMatchObject({ path, code: "not-allowed" });
    return;
  }
  // A refused try is put on record with what was asked for; the two tries may differ in that.
  await db().auditEvent.deleteMany({ where: { organisationId: own.id, action: "reach.refused" } });
  const forMissing = await call(api, path, row.input(nowhere));
  if (row.expect === "hidden") expect({ path, ...forForeign }).toMatchObject({ path, code: "not-found" });
  expect(`${path} ${shapeOf(forForeign, foreignIds)}`).toBe(`${path} ${shapeOf(forMissing, nowhere)}`);
  expect(`${path} ${JSON.stringify(forForeign)}`).not.toContain(marker);
  await db().auditEvent.deleteMany({ where: { organisationId: own.id, action: "reach.refused" } });
}
