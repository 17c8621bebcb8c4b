/** Makes a site. */
import type { z } from "zod";
import type { siteCreate } from "../../../contract/objects.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";

export async function createSite(caller: Caller, input: z.infer<typeof siteCreate>): Promise<{ id: string }> {
  return withUniqueName("site", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const { id } = await tx.site.create({ data: { ...input, nameKey: nameKey(input.name), organisationId: caller.organisationId }, select: { id: true } });
      await recordAudit(tx, caller, { action: "site.create", target: { kind: "site", id, name: input.name }, changes: changesBetween({}, input) });
      await publishLive(tx, caller.organisationId, { topic: "site", id });
      return { id };
    }),
  );
}
