/** Deletes an agent; every gateway forgets it, and its certificate is refused as unknown from then on. */
import type { z } from "zod";
import type { agentRemove } from "../../../contract/procedures.ts";
import { removeAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { agentWithImpact } from "./impact.ts";

export async function removeAgent(caller: Caller, input: z.infer<typeof agentRemove>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await agentWithImpact(tx, caller, input.id);
    demandClearance({ ...impact, undo: "Enrol the computer as a new agent." }, { kind: "Agent", name, confirmName: input.confirmName });
    await removeAccess(tx, caller.organisationId, [input.id]);
    await tx.enrolmentToken.deleteMany({ where: { organisationId: caller.organisationId, agentId: input.id } });
    await tx.agent.deleteMany({ where: { organisationId: caller.organisationId, id: input.id } });
    await recordAudit(tx, caller, { action: "agent.remove", target: { kind: "agent", id: input.id, name } });
    await publishLive(tx, caller.organisationId, { topic: "agent", id: input.id });
    return { id: input.id };
  });
}
