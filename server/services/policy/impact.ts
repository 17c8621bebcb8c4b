/** What deleting or switching off a policy would cut off: agents for which it is the last one. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { coverageChange } from "./coverage.ts";

export async function policyImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await policyWithImpact(caller.db, caller, input.id)).impact;
}

export async function policyWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const policy = await reader.policy.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, isEnabled: true, groups: { select: { group: { select: { name: true, _count: { select: { members: true } } } } } } },
  });
  if (!policy) throw notFound("policy", id);
  const { lose, loseSample } = await coverageChange(reader, caller.organisationId, id, null);
  const lines = [
    ...policy.groups.map(({ group }) => `group "${group.name}" (${group._count.members} ${group._count.members === 1 ? "agent" : "agents"}) is no longer targeted by it`),
    ...loseSample.map((agent) => `${agent.name} is targeted by no other enabled policy`),
  ];
  return { name: policy.name, impact: impactOf({ agentsAffected: lose, lines: someLines(lines), undo: policy.isEnabled ? "Switching off can be undone at any time; a deleted policy has to be made again." : "Make the policy again." }) };
}
