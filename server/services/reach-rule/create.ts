/** Makes a reach rule: who may reach which services of which agent groups. */
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandRuleFits, publishRuleChange, ruleData, type ReachRuleFields, writeRuleGroups } from "./rules.ts";

export async function createReachRule(caller: Caller, input: ReachRuleFields): Promise<{ id: string }> {
  return withUniqueName("reach rule", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandRuleFits(tx, caller, input);
      const { id } = await tx.reachRule.create({ data: { ...ruleData(input), organisationId: caller.organisationId }, select: { id: true } });
      await writeRuleGroups(tx, id, input.groupIds);
      await recordAudit(tx, caller, { action: "reach-rule.create", target: { kind: "reachRule", id, name: input.name }, changes: changesBetween({}, input) });
      await publishRuleChange(tx, caller, id);
      return { id };
    }),
  );
}
