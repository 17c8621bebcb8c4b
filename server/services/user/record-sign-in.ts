/** Leaves an audit row in each organisation that a person who signed in belongs to. */
import type { Db } from "../../db.ts";
import { recordAudit } from "../audit/record.ts";

type Request = { readonly db: Db; readonly requestId: string; readonly source: string | null };

export async function recordSignIn(request: Request, user: { id: string; name: string; email: string }): Promise<void> {
  await request.db.$transaction(async (tx) => {
    const memberships = await tx.membership.findMany({ where: { userId: user.id }, select: { organisationId: true, role: true }, orderBy: { organisationId: "asc" }, take: 200 });
    for (const { organisationId, role } of memberships) {
      const caller = { actor: { kind: "user" as const, id: user.id, name: user.name }, organisationId, role, ...request };
      await recordAudit(tx, caller, { action: "user.sign-in", target: { kind: "user", id: user.id, name: user.email } });
    }
  });
}
