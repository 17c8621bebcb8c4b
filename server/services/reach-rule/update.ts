/** Changes a reach rule. Sessions that it does not allow any more end within seconds. */
import type { z } from "zod";
import type { reachRuleUpdate } from "../../../contract/reach-objects.ts";
import type { Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { readRule } from "./read.ts";
import { demandRuleFits, publishRuleChange, ruleData, writeRuleGroups } from "./rules.ts";

export async function updateReachRule(caller: Caller, input: z.infer<typeof reachRuleUpdate>): Promise<{ version: number }> {
  const { id, version, ...fields } = input;
  return withUniqueName("reach rule", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readFields(tx, caller, id);
      await demandRuleFits(tx, caller, fields);
      demandUnchanged("reach rule", await tx.reachRule.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...ruleData(fields), version: { increment: 1 } } }));
      await writeRuleGroups(tx, id, fields.groupIds);
      await recordAudit(tx, caller, { action: "reach-rule.update", target: { kind: "reachRule", id, name: input.name }, changes: changesBetween(before, { ...fields, groupIds: [...fields.groupIds].sort() }) });
      await publishRuleChange(tx, caller, id);
      return { version: version + 1 };
    }),
  );
}

async function readFields(tx: Tx, caller: Caller, id: string) {
  const row = await tx.reachRule.findFirst({ where: { id, organisationId: caller.organisationId }, select: { name: true, isEnabled: true, note: true, sessionMinutes: true, services: true, who: true, approval: true, scripts: true, groups: { select: { groupId: true } } } });
  if (!row) throw notFound("reach rule", id);
  const { groups, ...fields } = row;
  return { ...fields, ...readRule(row), groupIds: groups.map((group) => group.groupId).sort() };
}
