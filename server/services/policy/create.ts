/** Makes a policy (S1-50 to S1-55). */
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandPolicyReferences, demandProxyOrGateways, policyData, type PolicyFields, publishPolicyChange, writePolicyParts } from "./rules.ts";

export async function createPolicy(caller: Caller, input: PolicyFields): Promise<{ id: string }> {
  demandProxyOrGateways(input);
  return withUniqueName("policy", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandPolicyReferences(tx, caller, input);
      const { id } = await tx.policy.create({ data: { ...policyData(input), organisationId: caller.organisationId }, select: { id: true } });
      await writePolicyParts(tx, id, input);
      await recordAudit(tx, caller, { action: "policy.create", target: { kind: "policy", id, name: input.name }, changes: changesBetween({}, input) });
      await publishPolicyChange(tx, caller, id);
      return { id };
    }),
  );
}
