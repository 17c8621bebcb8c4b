/**
 * Organisations and callers for tests of the console's procedures, against the test file's own PostgreSQL. Import "../support/with-database.ts" first.
 * Everything goes through `createCaller`, that is through the role, the input and the output of the procedure, as it does from a browser.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, expect } from "vitest";
import type { ConsoleErrorCode } from "../../../contract/error-codes.ts";
import type { Role } from "../../../contract/roles.ts";
import { db } from "../../../server/db.ts";
import { ConsoleError } from "../../../server/errors.ts";
import type { Caller } from "../../../server/services/caller.ts";
import { systemCaller } from "../../../server/services/caller.ts";
import { createAuthority, generateAuthorityKeys } from "../../../server/services/organisation/create-authority.ts";
import { createDefaults } from "../../../server/services/organisation/defaults.ts";
import { appRouter } from "../../../server/trpc/root.ts";

process.env["SALLYPORT_MASTER_KEY"] ??= randomBytes(32).toString("base64");

afterAll(() => db().$disconnect());

export type Api = ReturnType<typeof appRouter.createCaller>;
export type Organisation = { id: string; name: string; as: (role: Role) => Api; callerAs: (role: Role) => Caller };

/** A new organisation with its CA, default sites and management server. */
export async function makeOrganisation(name = `Org ${randomUUID().slice(0, 8)}`): Promise<Organisation> {
  const keys = await generateAuthorityKeys();
  const { id } = await db().$transaction(async (tx) => {
    const row = await tx.organisation.create({ data: { name, nameKey: name.toLowerCase(), trustDomain: "sallyport.internal", agentSiteNames: ["localhost"] }, select: { id: true } });
    await createAuthority(tx, { ...systemCaller(row.id, "test"), db: db() }, { id: row.id, name }, keys);
    await createDefaults(tx, { id: row.id, agentSiteNames: ["localhost"], agentSitePort: 4726 });
    return row;
  });
  const callerAs = (role: Role): Caller => ({ actor: { kind: "user", id: `user-${role}`, name: `Test ${role}` }, organisationId: id, role, requestId: `test-${randomUUID().slice(0, 8)}`, source: "192.0.2.1", db: db() });
  const as = (role: Role): Api => {
    const caller = callerAs(role);
    return appRouter.createCaller({ caller, requestId: caller.requestId, source: caller.source });
  };
  return { id, name, as, callerAs };
}

/** Somebody who is not signed in. */
export function asNobody(): Api {
  return appRouter.createCaller({ caller: null, requestId: "test-nobody", source: null });
}

/** The ConsoleError that this call ends with; fails the test when it succeeds or ends otherwise. */
export async function refusal(call: Promise<unknown>): Promise<ConsoleError> {
  const outcome = await call.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ("value" in outcome) throw new Error(`expected a refusal, got ${JSON.stringify(outcome.value)}`);
  const { error } = outcome;
  const known = error instanceof Error ? error.cause : undefined;
  if (!(known instanceof ConsoleError)) throw new Error("expected a ConsoleError", { cause: error });
  return known;
}

export async function expectRefusal(call: Promise<unknown>, code: ConsoleErrorCode): Promise<ConsoleError> {
  const error = await refusal(call);
  expect({ code: error.code, message: error.message }).toMatchObject({ code });
  return error;
}

export type AgentFacts = { hostname?: string; enrolledAt?: Date | null; lastSeenAt?: Date | null; revokedAt?: Date | null; path?: { kind: string }; step?: string; addresses?: string[]; osName?: string; groupIds?: string[] };

/** An agent's row as enrolment would leave it, with a current certificate of its own. */
export async function makeAgent(organisation: Organisation, facts: AgentFacts = {}): Promise<string> {
  const { groupIds = [], ...columns } = facts;
  const fingerprint = randomBytes(32).toString("hex");
  const now = new Date();
  const { id } = await db().agent.create({
    data: {
      organisationId: organisation.id, hostname: `pc-${fingerprint.slice(0, 6)}`, platform: "linux-x64", addresses: [], enrolledAt: now, lastSeenAt: now, path: { kind: "lan" }, ...columns,
      groups: { create: groupIds.map((groupId) => ({ groupId })) },
      certificates: { create: [{ organisationId: organisation.id, purpose: "agent", subject: "CN=agent", names: [], issuer: "CN=ca", serial: fingerprint.slice(0, 16), keyType: "EC P-256", fingerprint, thumbprintSha1: fingerprint.slice(0, 40), publicKeySha256: randomBytes(32).toString("hex"), notBefore: now, notAfter: new Date(now.getTime() + 86_400_000), pem: "", chainPem: "" }] },
    },
    select: { id: true },
  });
  return id;
}

export function pin(): string {
  return randomBytes(32).toString("hex");
}

/** A gateway that an enabled policy can name. */
export async function makeGateway(organisation: Organisation, name = `Gateway ${randomUUID().slice(0, 6)}`): Promise<string> {
  return (await organisation.as("administrator").gateway.create({ name, publicNames: [`${randomUUID().slice(0, 8)}.example.com`] })).id;
}

/** A policy with one gateway for these groups. */
export async function makePolicy(organisation: Organisation, groupIds: string[], more: { name?: string; gatewayId?: string; isEnabled?: boolean } = {}): Promise<string> {
  const gatewayId = more.gatewayId ?? (await makeGateway(organisation));
  const { id } = await organisation.as("administrator").policy.create({ name: more.name ?? `Policy ${randomUUID().slice(0, 6)}`, isEnabled: more.isEnabled ?? true, gateways: [{ gatewayId, fqdn: `${randomUUID().slice(0, 8)}.example.com`, pins: [pin()] }], groupIds });
  return id;
}

export async function makeGroup(organisation: Organisation, agentIds: string[] = [], name = `Group ${randomUUID().slice(0, 6)}`): Promise<string> {
  return (await organisation.as("administrator").agentGroup.create({ name, kind: "static", agentIds })).id;
}
