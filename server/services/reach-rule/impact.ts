/** What deleting a reach rule would end: its sessions, its approvals, and the services that only it opens. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf } from "../object/confirm.ts";

export async function reachRuleImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await reachRuleWithImpact(caller.db, caller, input.id)).impact;
}

export async function reachRuleWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const { organisationId } = caller;
  const rule = await reader.reachRule.findFirst({ where: { id, organisationId }, select: { name: true, scripts: true } });
  if (!rule) throw notFound("reach rule", id);
  const sessions = await reader.reachSession.count({ where: { organisationId, ruleId: id, state: { in: ["granted", "open"] } } });
  const approvals = await reader.reachRequest.count({ where: { organisationId, ruleId: id, isApproved: true, expiresAt: { gt: new Date() } } });
  const asked = await reader.reachRequest.count({ where: { organisationId, ruleId: id, isApproved: null, expiresAt: { gt: new Date() } } });
  const lines = [
    ...(sessions > 0 ? [`${sessions} ${sessions === 1 ? "session ends" : "sessions end"} within seconds, unless another rule allows ${sessions === 1 ? "it" : "them"}`] : []),
    ...(approvals > 0 ? [`${approvals} ${approvals === 1 ? "approval" : "approvals"} given under it ${approvals === 1 ? "goes" : "go"} with it`] : []),
    ...(asked > 0 ? [`${asked} open ${asked === 1 ? "request" : "requests"} for approval ${asked === 1 ? "goes" : "go"} with it`] : []),
    ...(rule.scripts !== null ? ["agents of its groups refuse scripts from then on, unless another rule allows them"] : []),
  ];
  return { name: rule.name, impact: impactOf({ lines, undo: "Switching off can be undone at any time; a deleted rule has to be made again, and its approvals given again.", alwaysConfirm: sessions > 0 }) };
}
