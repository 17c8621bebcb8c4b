/** Deletes a gateway that no policy names; its control identity ends with it. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, publishLive, wake } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { gatewayWithImpact } from "./impact.ts";

export async function removeGateway(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await gatewayWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Gateway", name, confirmName: input.confirmName });
    const isPeer = (await tx.gateway.count({ where: { id: input.id, organisationId: caller.organisationId, insideAddress: { not: null } } })) > 0;
    await tx.gateway.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "gateway.remove", target: { kind: "gateway", id: input.id, name } });
    await wake(tx, { organisationId: caller.organisationId, kind: "snapshot", gatewayId: input.id });
    // The others must not take its certificate for a peer's any longer, nor ask it for agents.
    if (isPeer) await bumpGateways(tx, caller.organisationId);
    await publishLive(tx, caller.organisationId, { topic: "gateway", id: input.id });
    await publishLive(tx, caller.organisationId, { topic: "virtualService", id: null });
    return { id: input.id };
  });
}
