/** Renames the organisation, and says whether new agents wait for approval (S4-34). Certificates that were issued keep the old name in their subject; identities do not contain it. */
import type { z } from "zod";
import type { organisationSettings } from "../../../contract/objects.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";

export async function updateOrganisation(caller: Caller, input: z.infer<typeof organisationSettings>): Promise<void> {
  const { organisationId } = caller;
  await withUniqueName("organisation", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { name: true, approvesAgents: true } });
      const approvesAgents = input.approvesAgents ?? before.approvesAgents;
      await tx.organisation.update({ where: { id: organisationId }, data: { name: input.name, nameKey: nameKey(input.name), approvesAgents } });
      await recordAudit(tx, caller, { action: "organisation.update", target: { kind: "organisation", id: organisationId, name: input.name }, changes: changesBetween(before, { name: input.name, approvesAgents }) });
      await bumpPolicyRevision(tx, organisationId);
      await publishLive(tx, organisationId, { topic: "organisation", id: organisationId });
    }),
  );
}
