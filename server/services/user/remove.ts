/** Removes a member or withdraws an invitation. The account itself goes when it belongs to no other organisation; all its sessions end with it. */
import type { Impact } from "../../../contract/list.ts";
import type { Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { reviewSessions } from "../reach-session/review.ts";
import { withdrawScripts } from "../task/withdraw.ts";
import { keepAnOwner, lockMember, type Member } from "./member.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Throws `not-found`; `last-owner` for the only owner. */
export async function removeUser(caller: Caller, input: { id: string }): Promise<void> {
  await caller.db.$transaction(async (tx) => {
    if (await withdrawInvite(tx, caller, input.id)) return;
    const member = await lockMember(tx, caller, input.id);
    if (member.role === "owner") await keepAnOwner(tx, caller, member);
    await removeMember(tx, caller, member);
  });
}

/** What removal means, shown before it happens. Throws `not-found`. */
export async function userImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  const isInvite = uuid.test(input.id) && (await caller.db.invite.count({ where: { id: input.id, organisationId: caller.organisationId, email: { not: null }, usedAt: null } })) > 0;
  if (isInvite) return { ...harmless, lines: ["The invitation's link stops working."] };
  const member = await caller.db.membership.findFirst({ where: { organisationId: caller.organisationId, userId: input.id }, select: { role: true, user: { select: { email: true } } } });
  if (!member) throw notFound("user", input.id);
  const [sessions, keys, otherOwners] = await Promise.all([
    caller.db.session.count({ where: { userId: input.id, expiresAt: { gt: new Date() } } }),
    caller.db.apiKey.count({ where: { organisationId: caller.organisationId, createdById: input.id, revokedAt: null, expiresAt: { gt: new Date() } } }),
    caller.db.membership.count({ where: { organisationId: caller.organisationId, role: "owner", userId: { not: input.id } } }),
  ]);
  return {
    ...harmless,
    lines: [
      `${member.user.email} (${member.role}) can no longer use this organisation; open pages close within 5 seconds.`,
      ...(sessions > 0 ? [`Open sessions: ${sessions}.`] : []),
      ...(keys > 0 ? [`API keys that this person made keep working: ${keys}. Revoke them separately.`] : []),
    ],
    blockers: member.role === "owner" && otherOwners === 0 ? [`${member.user.email} is the only owner; make somebody else an owner first.`] : [],
  };
}

const harmless: Impact = { agentsAffected: 0, lines: [], blockers: [], undo: "Invite the person again.", needsConfirmation: false };

async function withdrawInvite(tx: Tx, caller: Caller, id: string): Promise<boolean> {
  if (!uuid.test(id)) return false;
  const invite = await tx.invite.findFirst({ where: { id, organisationId: caller.organisationId, email: { not: null }, usedAt: null }, select: { id: true, email: true } });
  if (!invite) return false;
  await tx.invite.deleteMany({ where: { id, organisationId: caller.organisationId } });
  await recordAudit(tx, caller, { action: "user.withdraw-invite", target: { kind: "user", id, name: invite.email ?? "" } });
  await publishLive(tx, caller.organisationId, { topic: "user", id });
  return true;
}

async function removeMember(tx: Tx, caller: Caller, member: Member): Promise<void> {
  await tx.membership.deleteMany({ where: { id: member.membershipId, organisationId: caller.organisationId } });
  const elsewhere = await tx.membership.count({ where: { userId: member.userId } });
  if (elsewhere === 0) await tx.user.deleteMany({ where: { id: member.userId } });
  await recordAudit(tx, caller, { action: "user.remove", target: { kind: "user", id: member.userId, name: member.email }, changes: [{ path: "role", before: member.role, after: null }] });
  await reviewSessions(tx, caller, { actor: { kind: "user", id: member.userId } }, "who opened it left the organisation");
  await withdrawScripts(tx, caller, { kind: "user", id: member.userId, name: member.email }, "who ordered it left the organisation");
  await publishLive(tx, caller.organisationId, { topic: "user", id: member.userId });
}
