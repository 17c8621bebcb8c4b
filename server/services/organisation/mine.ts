/** The organisations that the person may switch to; an API key has only its own. */
import type { z } from "zod";
import type { myOrganisations } from "../../../contract/procedures.ts";
import type { Caller } from "../caller.ts";

export async function listMyOrganisations(caller: Caller): Promise<z.infer<typeof myOrganisations>> {
  if (caller.actor.kind !== "user") {
    const own = await caller.db.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { id: true, name: true } });
    return [{ ...own, role: caller.role, isCurrent: true }];
  }
  const memberships = await caller.db.membership.findMany({ where: { userId: caller.actor.id }, select: { role: true, organisation: { select: { id: true, name: true } } }, orderBy: { organisation: { nameKey: "asc" } }, take: 200 });
  return memberships.map(({ role, organisation }) => ({ ...organisation, role, isCurrent: organisation.id === caller.organisationId }));
}
