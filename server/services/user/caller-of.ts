/** Turns a person's session into a caller, and asks again later whether it still holds. Role and membership are read every time: nothing about rights is cached (T34). */
import type { Role } from "../../../contract/roles.ts";
import type { Db } from "../../db.ts";
import type { Caller } from "../caller.ts";

export type SessionOfPerson = { readonly sessionId: string; readonly userId: string; readonly userName: string; readonly activeOrganisationId: string | null };
type Request = { readonly db: Db; readonly requestId: string; readonly source: string | null };

/** `lastSeenAt` of a member is written at most once in this time, ms. */
const lastSeenEveryMs = 60_000;

/** The caller in the session's organisation (the one switched to, else the oldest membership); null when the person belongs to none any more. */
export async function callerOfSession(request: Request, session: SessionOfPerson): Promise<Caller | null> {
  const memberships = await request.db.membership.findMany({ where: { userId: session.userId }, select: { id: true, organisationId: true, role: true, lastSeenAt: true }, orderBy: [{ createdAt: "asc" }, { id: "asc" }], take: 200 });
  const membership = memberships.find((one) => one.organisationId === session.activeOrganisationId) ?? memberships[0];
  if (!membership) return null;
  await noteSeen(request.db, membership);
  return {
    actor: { kind: "user", id: session.userId, name: session.userName },
    organisationId: membership.organisationId,
    role: membership.role,
    requestId: request.requestId,
    source: request.source,
    credential: { kind: "session", id: session.sessionId },
    db: request.db,
  };
}

/**
 * The same caller with the role of this moment; null when the session, the key or the membership has ended. One indexed query: long-lived streams call it at
 * least every five seconds and close on null or on a role that no longer suffices.
 */
export async function recheckCaller(caller: Caller): Promise<Caller | null> {
  const { credential } = caller;
  if (!credential) return caller;
  const role = credential.kind === "session" ? await roleOfSession(caller, credential.id) : await roleOfKey(caller, credential.id);
  return role === null ? null : { ...caller, role };
}

async function roleOfSession(caller: Caller, sessionId: string): Promise<Role | null> {
  const [row] = await caller.db.$queryRaw<{ role: Role }[]>`
    SELECT m.role::text AS role FROM "Session" s JOIN "Membership" m ON m."userId" = s."userId"
     WHERE s.id = ${sessionId} AND s."userId" = ${caller.actor.id} AND s."expiresAt" > now() AND m."organisationId" = ${caller.organisationId}::uuid`;
  return row?.role ?? null;
}

async function roleOfKey(caller: Caller, keyId: string): Promise<Role | null> {
  const key = await caller.db.apiKey.findFirst({ where: { id: keyId, organisationId: caller.organisationId, revokedAt: null, expiresAt: { gt: new Date() } }, select: { role: true } });
  return key?.role ?? null;
}

async function noteSeen(database: Db, membership: { id: string; lastSeenAt: Date | null }): Promise<void> {
  const now = new Date();
  if (membership.lastSeenAt && now.getTime() - membership.lastSeenAt.getTime() < lastSeenEveryMs) return;
  await database.membership.updateMany({ where: { id: membership.id }, data: { lastSeenAt: now } });
}
