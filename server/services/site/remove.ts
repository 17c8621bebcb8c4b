/** Deletes a site that holds no server. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { siteWithImpact } from "./impact.ts";

export async function removeSite(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await siteWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Site", name, confirmName: input.confirmName });
    await tx.site.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "site.remove", target: { kind: "site", id: input.id, name } });
    await publishLive(tx, caller.organisationId, { topic: "site", id: input.id });
    return { id: input.id };
  });
}
