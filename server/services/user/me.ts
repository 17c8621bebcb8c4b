/** Who is asking, and which sessions are theirs. */
import type { z } from "zod";
import type { sessionRows, userMe } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";

export async function whoAmI(caller: Caller): Promise<z.output<typeof userMe>> {
  const [organisation, user] = await Promise.all([
    caller.db.organisation.findUnique({ where: { id: caller.organisationId }, select: { id: true, name: true } }),
    caller.actor.kind === "user" ? caller.db.user.findUnique({ where: { id: caller.actor.id }, select: { email: true } }) : null,
  ]);
  if (!organisation) throw notFound("organisation", caller.organisationId);
  return {
    kind: caller.actor.kind === "api-key" ? "api-key" : "user", id: caller.actor.id, name: caller.actor.name, email: user?.email ?? null, role: caller.role, organisation,
    sessionId: caller.credential?.kind === "session" ? caller.credential.id : null,
  };
}

/** One's own sessions; an API key has none. */
export async function listSessions(caller: Caller): Promise<z.output<typeof sessionRows>> {
  if (caller.actor.kind !== "user") return { rows: [] };
  const rows = await caller.db.session.findMany({ where: { userId: caller.actor.id, expiresAt: { gt: new Date() } }, select: { id: true, createdAt: true, expiresAt: true, ipAddress: true, userAgent: true }, orderBy: { createdAt: "desc" }, take: 100 });
  return { rows: rows.map((row) => ({ id: row.id, createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt.toISOString(), source: row.ipAddress, userAgent: row.userAgent?.slice(0, 200) ?? null, isThis: row.id === caller.credential?.id })) };
}

/** Ends one of one's own sessions. Throws `not-found`, alike for somebody else's. */
export async function endSession(caller: Caller, input: { id: string }): Promise<void> {
  await caller.db.$transaction(async (tx) => {
    const { count } = caller.actor.kind === "user" ? await tx.session.deleteMany({ where: { id: input.id, userId: caller.actor.id } }) : { count: 0 };
    if (count === 0) throw notFound("session", input.id);
    await recordAudit(tx, caller, { action: "user.end-session", target: { kind: "user", id: caller.actor.id, name: caller.actor.name } });
  });
}
