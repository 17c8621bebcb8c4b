/** Deletes a reach rule; its approvals go with it, its sessions end. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { liveSessionIds, reviewSessions } from "../reach-session/review.ts";
import { reachRuleWithImpact } from "./impact.ts";

export async function removeReachRule(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  const { organisationId } = caller;
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await reachRuleWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Reach rule", name, confirmName: input.confirmName });
    const ids = await liveSessionIds(tx, organisationId, { ruleId: input.id });
    await tx.reachRule.deleteMany({ where: { id: input.id, organisationId } });
    await recordAudit(tx, caller, { action: "reach-rule.remove", target: { kind: "reachRule", id: input.id, name } });
    await bumpPolicyRevision(tx, organisationId);
    await reviewSessions(tx, caller, { ids }, "its reach rule was deleted");
    await publishLive(tx, organisationId, { topic: "reachRule", id: input.id });
    return { id: input.id };
  });
}
