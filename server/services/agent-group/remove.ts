/** Deletes an agent group that no policy targets. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { groupWithImpact } from "./impact.ts";

export async function removeAgentGroup(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await groupWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Agent group", name, confirmName: input.confirmName });
    const members = await tx.agentGroupMember.findMany({ where: { groupId: input.id }, select: { agentId: true } });
    await tx.agentGroup.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await writeAgentAccess(tx, caller.organisationId, members.map((member) => member.agentId));
    await recordAudit(tx, caller, { action: "agent-group.remove", target: { kind: "agentGroup", id: input.id, name } });
    await publishLive(tx, caller.organisationId, { topic: "agentGroup", id: input.id });
    return { id: input.id };
  });
}
