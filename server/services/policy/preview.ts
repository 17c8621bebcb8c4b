/** Who would gain and who would lose the way in with an edit, before it is saved. */
import type { z } from "zod";
import type { policyPreview } from "../../../contract/objects.ts";
import type { policyPreviewInput } from "../../../contract/procedures.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { coverageChange } from "./coverage.ts";
import { demandPolicyReferences, demandProxyOrGateways } from "./rules.ts";

export async function previewPolicy(caller: Caller, input: z.infer<typeof policyPreviewInput>): Promise<z.infer<typeof policyPreview>> {
  const { id, version: _version, ...fields } = input;
  demandProxyOrGateways(fields);
  return caller.db.$transaction(async (tx) => {
    if (id !== undefined) {
      const policy = await tx.policy.findFirst({ where: { id, organisationId: caller.organisationId }, select: { id: true } });
      if (!policy) throw notFound("policy", id);
    }
    await demandPolicyReferences(tx, caller, fields);
    const change = await coverageChange(tx, caller.organisationId, id ?? null, { isEnabled: fields.isEnabled, hasGateways: fields.gateways.length > 0, groupIds: fields.groupIds });
    return { ...change, lines: wordsOf(change) };
  });
}

function wordsOf(change: { gain: number; lose: number; loseSample: { name: string }[] }): string[] {
  const agents = (count: number) => `${count} ${count === 1 ? "agent" : "agents"}`;
  if (change.gain === 0 && change.lose === 0) return ["Nobody gains or loses access."];
  return [
    ...(change.gain > 0 ? [`${agents(change.gain)} will be able to come in from outside.`] : []),
    ...(change.lose > 0 ? [`${agents(change.lose)} will not be able to come in from outside any more: ${change.loseSample.slice(0, 5).map((agent) => agent.name).join(", ")}${change.lose > 5 ? ", …" : ""}.`] : []),
  ];
}
