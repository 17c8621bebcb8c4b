/** Changes a member's role. The next call of every open session is judged by the new one. */
import type { z } from "zod";
import type { userUpdate } from "../../../contract/objects.ts";
import { mayDo } from "../../../contract/roles.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { reviewSessions } from "../reach-session/review.ts";
import { withdrawScripts } from "../task/withdraw.ts";
import { keepAnOwner, lockMember } from "./member.ts";

/** Throws `not-found`; `last-owner` when the only owner would be lowered. */
export async function updateUser(caller: Caller, input: z.output<typeof userUpdate>): Promise<void> {
  await caller.db.$transaction(async (tx) => {
    const member = await lockMember(tx, caller, input.id);
    if (member.role === input.role) return;
    if (member.role === "owner") await keepAnOwner(tx, caller, member);
    await tx.membership.updateMany({ where: { id: member.membershipId, organisationId: caller.organisationId }, data: { role: input.role } });
    await recordAudit(tx, caller, { action: "user.update", target: { kind: "user", id: member.userId, name: member.email }, changes: [{ path: "role", before: member.role, after: input.role }] });
    await reviewSessions(tx, caller, { actor: { kind: "user", id: member.userId } }, "the role of who opened it changed");
    if (!mayDo(input.role, "operate")) await withdrawScripts(tx, caller, { kind: "user", id: member.userId, name: member.email }, "the role of who ordered it changed");
    await publishLive(tx, caller.organisationId, { topic: "user", id: member.userId });
  });
}
