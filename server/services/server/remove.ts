/** Deletes a server; its gateways stop forwarding to it at the next snapshot. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { serverWithImpact } from "./impact.ts";

export async function removeServer(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, gatewayIds, impact } = await serverWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Server", name, confirmName: input.confirmName });
    await tx.server.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "server.remove", target: { kind: "server", id: input.id, name } });
    await bumpGateways(tx, caller.organisationId, gatewayIds);
    await bumpPolicyRevision(tx, caller.organisationId);
    await publishLive(tx, caller.organisationId, { topic: "server", id: input.id });
    return { id: input.id };
  });
}
