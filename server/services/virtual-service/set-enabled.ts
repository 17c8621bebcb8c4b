/** Switches a virtual service on or off. Switching on judges its address and port anew: they may have been given away meanwhile. */
import type { z } from "zod";
import type { serviceSetEnabled } from "../../../contract/service-objects.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, writeInOrganisation } from "../object/write.ts";
import { demandFreeFronts } from "./demand-fronts.ts";
import { demandServiceConfirmed, serviceWithImpact } from "./impact.ts";
import { publishServiceChange } from "./parts.ts";
import { readService } from "./read.ts";
import { demandServiceRules } from "./rules.ts";

export async function setServiceEnabled(caller: Caller, input: z.infer<typeof serviceSetEnabled>): Promise<{ version: number }> {
  const { id, version, isEnabled } = input;
  return writeInOrganisation(caller, async (tx) => {
    const { name, connections, impact, ...before } = await serviceWithImpact(tx, caller, id);
    if (before.isEnabled && !isEnabled && impact.needsConfirmation) demandServiceConfirmed({ what: "Switching off", name, connections, agents: impact.agentsAffected, confirmName: input.confirmName });
    demandUnchanged("virtual service", await tx.virtualService.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { isEnabled, version: { increment: 1 } } }));
    const service = await readService(tx, caller, id);
    if (isEnabled) {
      demandServiceRules(service);
      await demandFreeFronts(tx, caller, id);
    }
    await recordAudit(tx, caller, { action: isEnabled ? "virtual-service.enable" : "virtual-service.disable", target: { kind: "virtualService", id, name }, changes: [{ path: "isEnabled", before: before.isEnabled, after: isEnabled }] });
    await publishServiceChange(tx, caller, { id, gatewayIds: service.gatewayIds });
    return { version: version + 1 };
  });
}
