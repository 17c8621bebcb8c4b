/** Spends an invitation: the invited person sets a password and becomes a member, all in one transaction. */
import { hashOf, isPassword } from "../user/password-hash.ts";
import type { z } from "zod";
import type { inviteAccept, inviteCheckReply } from "../../../contract/objects.ts";
import type { Role } from "../../../contract/roles.ts";
import type { Db, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { createAccount, nameFromEmail } from "../user/account.ts";
import { hashSecret } from "../user/secret.ts";
import { type Door, linkRefused, lockOrganisation } from "../user/set-up.ts";

type Input = z.output<typeof inviteAccept>;

/** Throws `token-refused`, alike for unknown, expired and spent links and for a wrong password of an account that exists already on this installation. */
export async function acceptInvite(door: Door, input: Input): Promise<{ email: string }> {
  const secretHash = hashSecret(input.secret);
  const invite = await openInvite(door.db, secretHash);
  if (!invite?.email) throw linkRefused();
  const email = invite.email;
  const existing = await door.db.user.findUnique({ where: { email }, select: { id: true, name: true, accounts: { where: { providerId: "credential" }, select: { password: true } } } });
  const passwordHash = await hashOf(input.password);
  if (existing) await proveAccount(existing.accounts[0]?.password ?? null, input.password);
  const name = existing?.name ?? input.name ?? invite.name ?? nameFromEmail(email);
  return door.db.$transaction(async (tx) => {
    await lockOrganisation(tx, invite.organisationId);
    const spent = await tx.invite.updateMany({ where: { secretHash, organisationId: invite.organisationId, usedAt: null, expiresAt: { gt: new Date() } }, data: { usedAt: new Date() } });
    if (spent.count !== 1) throw linkRefused();
    const userId = existing?.id ?? (await createAccount(tx, { email, name, passwordHash }));
    const caller: Caller = { actor: { kind: "user", id: userId, name }, organisationId: invite.organisationId, role: invite.role, requestId: door.requestId, source: door.source, db: door.db };
    await join(tx, caller, { userId, email, role: invite.role });
    return { email };
  });
}

/** What a one-time link is for. Throws `token-refused` like the acceptance would. */
export async function checkLink(door: Door, input: { secret: string }): Promise<z.output<typeof inviteCheckReply>> {
  const invite = await openInvite(door.db, hashSecret(input.secret));
  if (!invite) throw linkRefused();
  return { kind: invite.email === null ? "setup" : "invite", email: invite.email, name: invite.name, role: invite.role, organisationName: invite.organisation.name, expiresAt: invite.expiresAt.toISOString() };
}

function openInvite(database: Db, secretHash: string) {
  return database.invite.findFirst({ where: { secretHash, usedAt: null, expiresAt: { gt: new Date() } }, select: { organisationId: true, email: true, name: true, role: true, expiresAt: true, organisation: { select: { name: true } } } });
}

async function proveAccount(hash: string | null, password: string): Promise<void> {
  if (hash === null || !(await isPassword({ hash, password }))) throw new ConsoleError("token-refused", "This address already has an account on this installation; give that account's password.");
}

async function join(tx: Tx, caller: Caller, member: { userId: string; email: string; role: Role }): Promise<void> {
  const present = await tx.membership.findFirst({ where: { organisationId: caller.organisationId, userId: member.userId }, select: { id: true } });
  if (present) return;
  await tx.membership.create({ data: { organisationId: caller.organisationId, userId: member.userId, role: member.role } });
  await recordAudit(tx, caller, { action: "user.join", target: { kind: "user", id: member.userId, name: member.email }, changes: [{ path: "role", before: null, after: member.role }] });
  await publishLive(tx, caller.organisationId, { topic: "user", id: member.userId });
}
