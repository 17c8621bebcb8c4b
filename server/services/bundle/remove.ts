/** Deletes a bundle with its tokens and certificate; gateways forget its bootstrap identity. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { removeAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { bundleWithImpact } from "./impact.ts";

export async function removeBundle(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await bundleWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Bundle", name, confirmName: input.confirmName });
    await removeAccess(tx, caller.organisationId, [input.id]);
    await tx.bundle.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "bundle.remove", target: { kind: "bundle", id: input.id, name } });
    await publishLive(tx, caller.organisationId, { topic: "bundle", id: input.id });
    return { id: input.id };
  });
}
