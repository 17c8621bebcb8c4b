/** One reach rule with the people and keys it names; those that are gone are left out. */
import type { z } from "zod";
import type { reachRuleDetail } from "../../../contract/reach-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { agentCounts, reachRuleColumns, toReachRuleRow } from "./list.ts";
import { readRule } from "./read.ts";

export async function getReachRule(caller: Caller, input: { id: string }): Promise<z.infer<typeof reachRuleDetail>> {
  const { organisationId } = caller;
  const row = await caller.db.reachRule.findFirst({ where: { id: input.id, organisationId }, select: { ...reachRuleColumns, sessionMinutes: true, note: true, version: true, updatedAt: true } });
  if (!row) throw notFound("reach rule", input.id);
  const { who, approval, scripts } = readRule(row);
  const [counts, members, keys, openSessions] = await Promise.all([
    agentCounts(caller.db, organisationId, [row.id]),
    caller.db.membership.findMany({ where: { organisationId, userId: { in: who.userIds } }, select: { user: { select: { id: true, name: true, email: true } } } }),
    caller.db.apiKey.findMany({ where: { organisationId, id: { in: who.apiKeyIds }, revokedAt: null }, select: { id: true, name: true } }),
    caller.db.reachSession.count({ where: { organisationId, ruleId: row.id, state: { in: ["granted", "open"] } } }),
  ]);
  const people = members.map(({ user }) => ({ id: user.id, name: user.name === "" ? user.email : user.name }));
  return {
    ...toReachRuleRow(row, counts.get(row.id) ?? 0),
    who: { roles: who.roles, userIds: people.map((person) => person.id), apiKeyIds: keys.map((key) => key.id) },
    people, apiKeys: keys, sessionMinutes: row.sessionMinutes, approval, scripts, openSessions, note: row.note, version: row.version, updatedAt: iso(row.updatedAt),
  };
}
