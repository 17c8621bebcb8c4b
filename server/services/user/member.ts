/** Finding a member, and the rule that an organisation keeps at least one owner. */
import type { Role } from "../../../contract/roles.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { lockOrganisation } from "./set-up.ts";

export type Member = { membershipId: string; userId: string; email: string; name: string; role: Role };

/** The member with this user id, under the organisation's lock. Throws `not-found`, alike for people of other organisations. */
export async function lockMember(tx: Tx, caller: Caller, userId: string): Promise<Member> {
  await lockOrganisation(tx, caller.organisationId);
  const row = await tx.membership.findFirst({ where: { organisationId: caller.organisationId, userId }, select: { id: true, role: true, user: { select: { id: true, name: true, email: true } } } });
  if (!row) throw notFound("user", userId);
  return { membershipId: row.id, userId: row.user.id, email: row.user.email, name: row.user.name, role: row.role };
}

/** Throws `last-owner` when nobody but this member owns the organisation. Call it before an owner is lowered or removed, under the organisation's lock. */
export async function keepAnOwner(tx: Tx, caller: Caller, member: Member): Promise<void> {
  const others = await tx.membership.count({ where: { organisationId: caller.organisationId, role: "owner", userId: { not: member.userId } } });
  if (others === 0) throw new ConsoleError("last-owner", `${member.email} is the only owner; make somebody else an owner first.`);
}
