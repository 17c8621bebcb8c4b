/**
 * Keeps the members of dynamic groups in rows, so that reading a group never evaluates a rule. Called when a rule changes, and when what a rule looks at
 * changes on an agent (enrolment, inventory).
 */
import { groupRule } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { publishLive } from "../change/publish.ts";
import { compileRule, ruleSubjectColumns } from "./rule.ts";

type Membership = { groupId: string; agentId: string };

/**
 * Evaluates every dynamic group for these agents (all of the organisation's when not given), updates the members and gives the agents that changed a new
 * access entry. Returns how many agents changed.
 */
export async function applyGroupRules(tx: Tx, organisationId: string, agentIds?: readonly string[]): Promise<number> {
  return apply(tx, organisationId, { agentIds });
}

/** The same for one group, after its rule changed. */
export async function applyOneGroupRule(tx: Tx, organisationId: string, groupId: string): Promise<number> {
  return apply(tx, organisationId, { groupId });
}

async function apply(tx: Tx, organisationId: string, scope: { agentIds?: readonly string[] | undefined; groupId?: string }): Promise<number> {
  if (scope.agentIds?.length === 0) return 0;
  const groups = await tx.agentGroup.findMany({ where: { organisationId, kind: "dynamic", ...(scope.groupId ? { id: scope.groupId } : {}) }, select: { id: true, rule: true } });
  if (groups.length === 0) return 0;
  const agentFilter = scope.agentIds ? { id: { in: [...scope.agentIds] } } : {};
  const agents = await tx.agent.findMany({ where: { organisationId, ...agentFilter }, select: { id: true, ...ruleSubjectColumns } });
  const current = await tx.agentGroupMember.findMany({
    where: { groupId: { in: groups.map((group) => group.id) }, ...(scope.agentIds ? { agentId: { in: [...scope.agentIds] } } : {}) },
    select: { groupId: true, agentId: true },
  });
  const wanted: Membership[] = [];
  for (const group of groups) {
    const matches = compileRule(groupRule.parse(group.rule));
    for (const agent of agents) if (matches(agent)) wanted.push({ groupId: group.id, agentId: agent.id });
  }
  return replaceMembers(tx, organisationId, current, wanted);
}

async function replaceMembers(tx: Tx, organisationId: string, current: readonly Membership[], wanted: readonly Membership[]): Promise<number> {
  const key = ({ groupId, agentId }: Membership) => `${groupId} ${agentId}`;
  const currentKeys = new Set(current.map(key));
  const wantedKeys = new Set(wanted.map(key));
  const added = wanted.filter((member) => !currentKeys.has(key(member)));
  const removed = current.filter((member) => !wantedKeys.has(key(member)));
  await addMembers(tx, added);
  await removeMembers(tx, removed);
  const changed = [...new Set([...added, ...removed].map((member) => member.agentId))];
  if (changed.length === 0) return 0;
  await writeAgentAccess(tx, organisationId, changed);
  for (const groupId of new Set([...added, ...removed].map((member) => member.groupId))) await publishLive(tx, organisationId, { topic: "agentGroup", id: groupId });
  return changed.length;
}

/** One statement however many; a member that is there already stays. */
export async function addMembers(tx: Tx, members: readonly Membership[]): Promise<void> {
  if (members.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO "AgentGroupMember" ("groupId", "agentId")
    SELECT * FROM unnest(${members.map((member) => member.groupId)}::uuid[], ${members.map((member) => member.agentId)}::uuid[])
    ON CONFLICT DO NOTHING`;
}

export async function removeMembers(tx: Tx, members: readonly Membership[]): Promise<void> {
  if (members.length === 0) return;
  await tx.$executeRaw`
    DELETE FROM "AgentGroupMember" m USING unnest(${members.map((member) => member.groupId)}::uuid[], ${members.map((member) => member.agentId)}::uuid[]) AS gone("groupId", "agentId")
     WHERE m."groupId" = gone."groupId" AND m."agentId" = gone."agentId"`;
}
