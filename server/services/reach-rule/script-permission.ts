/** What scripts a caller may run on an agent: from the enabled rules that target it and let the caller in; one with approval counts while an approval of it holds. */
import type { ScriptPermission } from "../../../contract/reach.ts";
import type { Db, Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { reachActorOf } from "../reach-session/actor.ts";
import { letsIn } from "../reach-session/decide.ts";
import { approvalsOf, rulesForGroups } from "../reach-session/read-rules.ts";

/** Empty: none. The agent checks the same list once more, without knowing the caller. */
export async function scriptPermissionFor(reader: Db | Tx, caller: Caller, agentId: string, now: Date = new Date()): Promise<ScriptPermission[]> {
  const { organisationId } = caller;
  const actor = reachActorOf(caller);
  const agent = await reader.agent.findFirst({ where: { id: agentId, organisationId, revokedAt: null, awaitsApproval: false }, select: { groups: { select: { groupId: true } } } });
  if (!agent) return [];
  const rules = (await rulesForGroups(reader, organisationId, agent.groups.map((group) => group.groupId))).filter((rule) => rule.scripts !== null && letsIn(rule, actor));
  const approvals = rules.some((rule) => rule.approval !== null) ? await approvalsOf(reader, organisationId, { agentId, actor }, now) : [];
  return rules.flatMap((rule) => (rule.scripts !== null && (rule.approval === null || approvals.some((approval) => approval.ruleId === rule.id)) ? [rule.scripts] : []));
}
