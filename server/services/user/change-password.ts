/** Changes one's own password; every other session of the account ends in the same transaction (T35). */
import { hashOf, isPassword } from "./password-hash.ts";
import type { z } from "zod";
import type { passwordChange } from "../../../contract/objects.ts";
import { ConsoleError } from "../../errors.ts";
import { clearAttempts, signInLimits, takeAttempt } from "../attempts/take.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";

/** Throws `not-allowed` for API keys, `input-invalid` for a wrong current password, `rate-limited` after ten wrong ones. */
export async function changePassword(caller: Caller, input: z.output<typeof passwordChange>): Promise<void> {
  if (caller.actor.kind !== "user") throw new ConsoleError("not-allowed", "An API key has no password.");
  const limit = { ...signInLimits.account(caller.actor.id, null), kind: "password change" };
  await takeAttempt(caller.db, limit);
  const account = await caller.db.account.findFirst({ where: { userId: caller.actor.id, providerId: "credential" }, select: { id: true, password: true } });
  if (!account?.password || !(await isPassword({ hash: account.password, password: input.current }))) {
    throw new ConsoleError("input-invalid", "The current password is wrong.", { fields: [{ path: "current", message: "the current password is wrong" }] });
  }
  const password = await hashOf(input.password);
  await caller.db.$transaction(async (tx) => {
    await tx.account.updateMany({ where: { id: account.id, userId: caller.actor.id }, data: { password } });
    await tx.session.deleteMany({ where: { userId: caller.actor.id, id: { not: caller.credential?.id ?? "" } } });
    await recordAudit(tx, caller, { action: "user.change-password", target: { kind: "user", id: caller.actor.id, name: caller.actor.name } });
  });
  await clearAttempts(caller.db, limit);
}
