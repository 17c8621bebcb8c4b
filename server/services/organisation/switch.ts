/** Makes another of the person's organisations the one that this session works in. */
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";

export async function switchOrganisation(caller: Caller, input: { id: string }): Promise<void> {
  const { credential, actor } = caller;
  if (credential?.kind !== "session") throw new ConsoleError("not-allowed", "An API key belongs to one organisation; make a key in the other one.");
  await caller.db.$transaction(async (tx) => {
    const membership = await tx.membership.findUnique({ where: { organisationId_userId: { organisationId: input.id, userId: actor.id } }, select: { role: true, organisation: { select: { name: true } } } });
    if (!membership) throw notFound("organisation", input.id);
    await tx.session.updateMany({ where: { id: credential.id, userId: actor.id }, data: { activeOrganisationId: input.id } });
    await recordAudit(tx, { ...caller, organisationId: input.id, role: membership.role }, { action: "organisation.switch", target: { kind: "organisation", id: input.id, name: membership.organisation.name } });
  });
}
