/** Rules of a policy and how its rows are written; creation and change share them. */
import type { z } from "zod";
import type { policyCreate } from "../../../contract/objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey } from "../object/write.ts";

export type PolicyFields = z.infer<typeof policyCreate>;

/** Either proxy or gateways for requests, not both (S0-27); pins are demanded by the contract already and once more here, because an unpinned gateway is trusted by nothing. */
export function demandProxyOrGateways(input: PolicyFields): void {
  if (input.requestProxy !== null && input.gateways.length > 0) {
    throw new ConsoleError("policy-proxy-and-gateway", `Policy "${input.name}" names a proxy for requests and ${input.gateways.length} ${input.gateways.length === 1 ? "gateway" : "gateways"}; remove one of the two. A proxy for the persistent channel may stay.`, { fields: [{ path: "requestProxy", message: "not together with gateways" }] });
  }
  const unpinned = input.gateways.findIndex((entry) => entry.pins.length === 0);
  if (unpinned !== -1) throw new ConsoleError("policy-pin-missing", undefined, { fields: [{ path: `gateways.${unpinned}.pins`, message: "at least one pin is needed" }] });
}

/** Gateways and groups must be of this organisation. */
export async function demandPolicyReferences(tx: Tx, caller: Caller, input: Pick<PolicyFields, "gateways" | "groupIds">): Promise<void> {
  const gatewayIds = [...new Set(input.gateways.map((entry) => entry.gatewayId))];
  await demandReferences(tx, caller, { kind: "gateway", ids: gatewayIds, path: "gateways" });
  await demandReferences(tx, caller, { kind: "agent group", ids: input.groupIds, path: "groupIds" });
}

/** The policy's own columns as Prisma takes them. */
export function policyData(input: PolicyFields) {
  return {
    name: input.name, nameKey: nameKey(input.name), isEnabled: input.isEnabled, note: input.note,
    requestProxy: input.requestProxy ?? Prisma.DbNull, channelProxy: input.channelProxy ?? Prisma.DbNull,
  };
}

/** Writes gateways in their order and the target groups; what was there before is replaced. */
export async function writePolicyParts(tx: Tx, policyId: string, input: Pick<PolicyFields, "gateways" | "groupIds">): Promise<void> {
  await tx.policyGateway.deleteMany({ where: { policyId } });
  await tx.policyGateway.createMany({ data: input.gateways.map((entry, ordinal) => ({ policyId, ordinal, ...entry })) });
  await tx.policyGroup.deleteMany({ where: { policyId, groupId: { notIn: input.groupIds } } });
  await tx.policyGroup.createMany({ data: input.groupIds.map((groupId) => ({ policyId, groupId })), skipDuplicates: true });
}

/** Every gateway holds all policies, so that a refusal can say which of "none, disabled, other gateway" it is; so each learns of a change. */
export async function publishPolicyChange(tx: Tx, caller: Caller, id: string): Promise<void> {
  await bumpGateways(tx, caller.organisationId);
  await bumpPolicyRevision(tx, caller.organisationId);
  await publishLive(tx, caller.organisationId, { topic: "policy", id });
}

/** Switching off what agents depend on asks for the policy's name. */
export function demandLossConfirmed(name: string, lose: number, confirmName: string | undefined): void {
  if (lose === 0 || confirmName === name) return;
  throw new ConsoleError("confirmation-missing", `Switching off policy "${name}" cuts off ${lose} ${lose === 1 ? "agent" : "agents"} while outside; repeat the name "${name}" to confirm.`, { fields: [{ path: "confirmName", message: `type ${name}` }] });
}
