/** Deletes an imported certificate, or one for virtual services, together with its sealed key. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { certificateWithImpact, removablePurposes } from "./impact.ts";

export async function removeCertificate(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await certificateWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Certificate", name, confirmName: input.confirmName });
    await tx.certificate.deleteMany({ where: { id: input.id, organisationId: caller.organisationId, purpose: { in: removablePurposes } } });
    await recordAudit(tx, caller, { action: "certificate.remove", target: { kind: "certificate", id: input.id, name } });
    await publishLive(tx, caller.organisationId, { topic: "certificate", id: input.id });
    return { id: input.id };
  });
}
