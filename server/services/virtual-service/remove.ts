/** Deletes a virtual service; its pool stays. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { demandServiceConfirmed, serviceWithImpact } from "./impact.ts";
import { publishServiceChange } from "./parts.ts";
import { readService } from "./read.ts";

export async function removeService(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  const { id } = input;
  return writeInOrganisation(caller, async (tx) => {
    const { name, connections, impact } = await serviceWithImpact(tx, caller, id);
    if (impact.needsConfirmation) demandServiceConfirmed({ what: "Deleting", name, connections, agents: impact.agentsAffected, confirmName: input.confirmName });
    const before = await readService(tx, caller, id);
    await tx.virtualService.deleteMany({ where: { id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "virtual-service.remove", target: { kind: "virtualService", id, name }, changes: changesBetween(before, {}) });
    await publishServiceChange(tx, caller, { id, gatewayIds: before.gatewayIds });
    await publishLive(tx, caller.organisationId, { topic: "pool", id: before.poolId });
    return { id };
  });
}
