/** Changes a policy. Switching it off here asks for the same confirmation as the switch itself. */
import type { z } from "zod";
import type { policyUpdate } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { coverageChange } from "./coverage.ts";
import { demandLossConfirmed, demandPolicyReferences, demandProxyOrGateways, policyData, publishPolicyChange, writePolicyParts } from "./rules.ts";

export async function updatePolicy(caller: Caller, input: z.infer<typeof policyUpdate>): Promise<{ version: number }> {
  const { id, version, confirmName, ...fields } = input;
  demandProxyOrGateways(fields);
  return withUniqueName("policy", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readPolicy(tx, caller, id);
      await demandPolicyReferences(tx, caller, fields);
      if (before.isEnabled && !fields.isEnabled) {
        const { lose } = await coverageChange(tx, caller.organisationId, id, null);
        demandLossConfirmed(before.name, lose, confirmName);
      }
      demandUnchanged("policy", await tx.policy.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...policyData(fields), version: { increment: 1 } } }));
      await writePolicyParts(tx, id, fields);
      await recordAudit(tx, caller, { action: "policy.update", target: { kind: "policy", id, name: input.name }, changes: changesBetween(before, { ...fields, groupIds: [...fields.groupIds].sort() }) });
      await publishPolicyChange(tx, caller, id);
      return { version: version + 1 };
    }),
  );
}

async function readPolicy(tx: Tx, caller: Caller, id: string) {
  const row = await tx.policy.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: {
      name: true, isEnabled: true, note: true, requestProxy: true, channelProxy: true,
      gateways: { select: { gatewayId: true, fqdn: true, port: true, pins: true }, orderBy: { ordinal: "asc" } }, groups: { select: { groupId: true } },
    },
  });
  if (!row) throw notFound("policy", id);
  const { groups, ...fields } = row;
  return { ...fields, groupIds: groups.map((group) => group.groupId).sort() };
}
