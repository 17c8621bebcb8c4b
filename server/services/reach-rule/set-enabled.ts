/** Switches a reach rule on or off; off ends the sessions that no other rule allows. */
import type { z } from "zod";
import type { reachRuleSetEnabled } from "../../../contract/reach-objects.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, writeInOrganisation } from "../object/write.ts";
import { publishRuleChange } from "./rules.ts";

export async function setReachRuleEnabled(caller: Caller, input: z.infer<typeof reachRuleSetEnabled>): Promise<{ version: number }> {
  const { id, version, isEnabled } = input;
  return writeInOrganisation(caller, async (tx) => {
    const before = await tx.reachRule.findFirst({ where: { id, organisationId: caller.organisationId }, select: { name: true, isEnabled: true } });
    if (!before) throw notFound("reach rule", id);
    demandUnchanged("reach rule", await tx.reachRule.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { isEnabled, version: { increment: 1 } } }));
    await recordAudit(tx, caller, { action: isEnabled ? "reach-rule.enable" : "reach-rule.disable", target: { kind: "reachRule", id, name: before.name }, changes: [{ path: "isEnabled", before: before.isEnabled, after: isEnabled }] });
    await publishRuleChange(tx, caller, id);
    return { version: version + 1 };
  });
}
