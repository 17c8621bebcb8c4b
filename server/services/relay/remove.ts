/** Deregisters a relay (X4-07): gateways take nothing from it any more, within seconds. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { relayWithImpact } from "./impact.ts";
import { publishRelayChange } from "./rules.ts";

export async function removeRelay(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await relayWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Relay", name, confirmName: input.confirmName });
    await tx.relay.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "relay.remove", target: { kind: "relay", id: input.id, name }, changes: [{ path: "agentsAffected", before: impact.agentsAffected, after: 0 }] });
    await publishRelayChange(tx, caller, input.id);
    return { id: input.id };
  });
}
