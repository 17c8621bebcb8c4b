/** What deleting an agent group would cut off. Refused while policies target it: who that leaves outside must be decided in the policy. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { agentsCutOff } from "../policy/coverage.ts";

export async function agentGroupImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await groupWithImpact(caller.db, caller, input.id)).impact;
}

export async function groupWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const group = await reader.agentGroup.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, _count: { select: { members: true } }, policies: { select: { policy: { select: { name: true } } }, orderBy: { policy: { nameKey: "asc" } } }, reachRules: { select: { rule: { select: { name: true } } }, orderBy: { rule: { nameKey: "asc" } } } },
  });
  if (!group) throw notFound("agent group", id);
  const blockers = group.policies.map(({ policy }) => `policy "${policy.name}" targets it; take the group out of the policy first`);
  const left = group._count.members > 0 ? [`${group._count.members} ${group._count.members === 1 ? "agent leaves" : "agents leave"} the group; the agents themselves stay`] : [];
  const lines = [...left, ...someLines(group.reachRules.map(({ rule }) => `reach rule "${rule.name}" no longer opens services on its agents; sessions that rest on it end`), 10)];
  const agentsAffected = await agentsCutOff(reader, caller.organisationId, { groupIds: [id] });
  return { name: group.name, impact: impactOf({ agentsAffected, lines, blockers: someLines(blockers), undo: "Create the group again; the members of a static group have to be chosen again." }) };
}
