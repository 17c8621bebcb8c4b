/**
 * The first owner of an installation: by a one-time link that the console prints, or from the environment. Whoever comes first closes the door in the same
 * transaction: the organisation's row is locked, owners are counted, and every set-up link is spent.
 */
import type { z } from "zod";
import type { setUpInput } from "../../../contract/objects.ts";
import { type Db, db, type Tx } from "../../db.ts";
import { env } from "../../env.ts";
import { ConsoleError } from "../../errors.ts";
import { createKey } from "../api-key/create.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { createAccount, nameFromEmail } from "./account.ts";
import { hashOf } from "./password-hash.ts";
import { hashSecret, newSecret } from "./secret.ts";

/** How long a set-up link works, ms; a new start of the console makes a new one. */
const setUpLinkMs = 7 * 24 * 3_600_000;

type Owner = { email: string; name: string; password: string };

/**
 * The link with which the first owner is made, `<console>/setup#<secret>`; null once anybody belongs to the organisation. Only the secret's hash is stored,
 * so each call makes a new link and ends the former one.
 */
export async function ensureSetupLink(organisationId: string, database: Db = db()): Promise<string | null> {
  const secret = newSecret();
  const isOpen = await database.$transaction(async (tx) => {
    await lockOrganisation(tx, organisationId);
    if (await hasMembers(tx, organisationId)) return false;
    await tx.invite.deleteMany({ where: { organisationId, ...setUpLinks } });
    await tx.invite.create({ data: { organisationId, role: "owner", secretHash: hashSecret(secret), expiresAt: new Date(Date.now() + setUpLinkMs) } });
    return true;
  });
  return isOpen ? `${env().consoleUrl}/setup#${secret}` : null;
}

/** Makes the first owner from the environment (SALLYPORT_ADMIN_EMAIL, SALLYPORT_ADMIN_PASSWORD). False when the organisation already has somebody. */
export async function createOwner(owner: { organisationId: string; email: string; password: string }, database: Db = db()): Promise<boolean> {
  const passwordHash = await hashOf(owner.password);
  const caller = setUpCaller(owner.organisationId, database, { requestId: "system-first-owner", source: null });
  return database.$transaction(async (tx) => {
    await lockOrganisation(tx, owner.organisationId);
    if (await hasMembers(tx, owner.organisationId)) return false;
    await makeOwner(tx, caller, { email: owner.email, name: nameFromEmail(owner.email), passwordHash });
    return true;
  });
}

export type Door = { readonly db: Db; readonly requestId: string; readonly source: string | null };

/** Makes the first owner with the secret of the set-up link, and on request an owner's API key. Throws `token-refused`, alike for unknown, expired and spent links. */
export async function setUpOwner(door: Door, input: z.output<typeof setUpInput>): Promise<{ email: string; apiKey: string | null }> {
  const secretHash = hashSecret(input.secret);
  const known = await door.db.invite.findUnique({ where: { secretHash }, select: { organisationId: true } });
  if (!known) throw linkRefused();
  const owner: Owner = { email: input.email, name: input.name ?? nameFromEmail(input.email), password: input.password };
  const passwordHash = await hashOf(owner.password);
  const caller = setUpCaller(known.organisationId, door.db, door);
  return door.db.$transaction(async (tx) => {
    await lockOrganisation(tx, caller.organisationId);
    const spent = await tx.invite.updateMany({ where: { secretHash, ...setUpLinks, usedAt: null, expiresAt: { gt: new Date() } }, data: { usedAt: new Date() } });
    if (spent.count !== 1 || (await hasMembers(tx, caller.organisationId))) throw linkRefused();
    const userId = await makeOwner(tx, caller, { email: owner.email, name: owner.name, passwordHash });
    const person: Caller = { ...caller, actor: { kind: "user", id: userId, name: owner.name } };
    const key = input.apiKeyName === undefined ? null : await createKey(tx, person, { name: input.apiKeyName, role: "owner", daysValid: 90 });
    return { email: owner.email, apiKey: key?.key ?? null };
  });
}

/** True while no person belongs to any organisation: the sign-in page then says how to begin. */
export async function isSetUpOpen(database: Db): Promise<boolean> {
  return (await database.membership.findFirst({ select: { id: true } })) === null;
}

export function linkRefused(): ConsoleError {
  return new ConsoleError("token-refused", "This link is not valid: unknown, expired or already used. Ask an owner for a new invitation; for the very first sign-in restart the console and use the link it prints.");
}

const setUpLinks = { email: null, createdById: null, role: "owner" } as const;

async function makeOwner(tx: Tx, caller: Caller, account: { email: string; name: string; passwordHash: string }): Promise<string> {
  const userId = await createAccount(tx, account);
  await tx.membership.create({ data: { organisationId: caller.organisationId, userId, role: "owner" } });
  await tx.invite.deleteMany({ where: { organisationId: caller.organisationId, ...setUpLinks, usedAt: null } });
  await recordAudit(tx, caller, { action: "user.set-up", target: { kind: "user", id: userId, name: account.name }, changes: [{ path: "role", before: null, after: "owner" }] });
  await publishLive(tx, caller.organisationId, { topic: "user", id: userId });
  return userId;
}

function setUpCaller(organisationId: string, database: Db, request: { requestId: string; source: string | null }): Caller {
  return { actor: { kind: "system", id: "set-up", name: "set-up" }, organisationId, role: "owner", requestId: request.requestId, source: request.source, db: database };
}

async function hasMembers(tx: Tx, organisationId: string): Promise<boolean> {
  return (await tx.membership.count({ where: { organisationId } })) > 0;
}

/** Whoever changes members holds this lock, so that two first owners, or the removal of the last one, cannot race. */
export async function lockOrganisation(tx: Tx, organisationId: string): Promise<void> {
  await tx.$queryRaw`SELECT id FROM "Organisation" WHERE id = ${organisationId}::uuid FOR NO KEY UPDATE`;
}
