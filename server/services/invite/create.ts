/** Invites a person: a one-time link with which they set a password; 72 hours. */
import type { z } from "zod";
import type { userInvite, userInviteReply } from "../../../contract/objects.ts";
import { env } from "../../env.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { hashSecret, newSecret } from "../user/secret.ts";
import { lockOrganisation } from "../user/set-up.ts";

const inviteMs = 72 * 3_600_000;

/** A second invitation of the same address replaces the first. Throws `name-taken` when the address belongs to a member. */
export async function inviteUser(caller: Caller, input: z.output<typeof userInvite>): Promise<z.output<typeof userInviteReply>> {
  const secret = newSecret();
  const expiresAt = new Date(Date.now() + inviteMs);
  const id = await caller.db.$transaction(async (tx) => {
    await lockOrganisation(tx, caller.organisationId);
    const member = await tx.membership.findFirst({ where: { organisationId: caller.organisationId, user: { email: input.email } }, select: { id: true } });
    if (member) throw new ConsoleError("name-taken", `${input.email} already belongs to this organisation; change the role there.`, { fields: [{ path: "email", message: "already a user here" }] });
    await tx.invite.deleteMany({ where: { organisationId: caller.organisationId, email: input.email, usedAt: null } });
    const invite = await tx.invite.create({ data: { organisationId: caller.organisationId, email: input.email, name: input.name, role: input.role, secretHash: hashSecret(secret), expiresAt, createdById: caller.actor.id }, select: { id: true } });
    await recordAudit(tx, caller, { action: "user.invite", target: { kind: "user", id: invite.id, name: input.email }, changes: [{ path: "role", before: null, after: input.role }] });
    await publishLive(tx, caller.organisationId, { topic: "user", id: invite.id });
    return invite.id;
  });
  return { id, url: `${env().consoleUrl}/invite#${secret}`, expiresAt: expiresAt.toISOString() };
}
