/** Switches a policy on or off (S1-60). */
import type { z } from "zod";
import type { policySetEnabled } from "../../../contract/procedures.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, writeInOrganisation } from "../object/write.ts";
import { coverageChange } from "./coverage.ts";
import { demandLossConfirmed, publishPolicyChange } from "./rules.ts";

export async function setPolicyEnabled(caller: Caller, input: z.infer<typeof policySetEnabled>): Promise<{ version: number }> {
  const { id, version, isEnabled } = input;
  return writeInOrganisation(caller, async (tx) => {
    const before = await tx.policy.findFirst({ where: { id, organisationId: caller.organisationId }, select: { name: true, isEnabled: true } });
    if (!before) throw notFound("policy", id);
    if (before.isEnabled && !isEnabled) {
      const { lose } = await coverageChange(tx, caller.organisationId, id, null);
      demandLossConfirmed(before.name, lose, input.confirmName);
    }
    demandUnchanged("policy", await tx.policy.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { isEnabled, version: { increment: 1 } } }));
    await recordAudit(tx, caller, { action: isEnabled ? "policy.enable" : "policy.disable", target: { kind: "policy", id, name: before.name }, changes: [{ path: "isEnabled", before: before.isEnabled, after: isEnabled }] });
    await publishPolicyChange(tx, caller, id);
    return { version: version + 1 };
  });
}
