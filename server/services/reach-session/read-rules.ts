/** Reads what a decision on reverse access needs: the rules that may concern an agent, and the approvals of a caller. */
import { reachService } from "../../../contract/reach.ts";
import type { Db, Prisma, Tx } from "../../db.ts";
import { readRule } from "../reach-rule/read.ts";
import type { JudgedRule, ReachActor, ValidApproval } from "./decide.ts";

/** Rules read for one decision. */
const rulesMax = 2_000;

const ruleColumns = { id: true, name: true, isEnabled: true, services: true, who: true, approval: true, scripts: true, sessionMinutes: true, groups: { select: { groupId: true } } } as const satisfies Prisma.ReachRuleSelect;

/** Enabled rules that target one of these groups, in the order of their names. */
export async function rulesForGroups(reader: Db | Tx, organisationId: string, groupIds: readonly string[]): Promise<JudgedRule[]> {
  if (groupIds.length === 0) return [];
  const rows = await reader.reachRule.findMany({ where: { organisationId, isEnabled: true, groups: { some: { groupId: { in: [...groupIds] } } } }, select: ruleColumns, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: rulesMax });
  return rows.map(({ groups, ...row }) => ({ ...row, ...readRule(row), groupIds: groups.map((group) => group.groupId) }));
}

/** Approvals that this caller has for this agent and that still hold. */
export async function approvalsOf(reader: Db | Tx, organisationId: string, subject: { agentId: string; actor: Pick<ReachActor, "kind" | "id"> }, now: Date): Promise<ValidApproval[]> {
  const rows = await reader.reachRequest.findMany({
    where: { organisationId, agentId: subject.agentId, actorKind: subject.actor.kind, actorId: subject.actor.id, isApproved: true, expiresAt: { gt: now } },
    select: { ruleId: true, service: true, expiresAt: true }, take: 200,
  });
  return rows.flatMap((row) => {
    const service = reachService.safeParse(row.service);
    return service.success ? [{ ruleId: row.ruleId, service: service.data, expiresAt: row.expiresAt }] : [];
  });
}
