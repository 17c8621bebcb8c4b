/** Deletes a policy. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { policyWithImpact } from "./impact.ts";
import { publishPolicyChange } from "./rules.ts";

export async function removePolicy(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await policyWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Policy", name, confirmName: input.confirmName });
    await tx.policy.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "policy.remove", target: { kind: "policy", id: input.id, name } });
    await publishPolicyChange(tx, caller, input.id);
    return { id: input.id };
  });
}
