/** Reach rules of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { reachRuleList, reachRuleRow, reachRuleRows } from "../../../contract/reach-objects.ts";
import type { Db, Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";
import { readRule } from "./read.ts";

export const reachRuleColumns = {
  id: true, name: true, isEnabled: true, services: true, who: true, approval: true, scripts: true, createdAt: true,
  groups: { select: { group: { select: { id: true, name: true } } }, orderBy: { group: { nameKey: "asc" } } },
} as const satisfies Prisma.ReachRuleSelect;
type Row = Prisma.ReachRuleGetPayload<{ select: typeof reachRuleColumns }>;

export async function listReachRules(caller: Caller, input: z.infer<typeof reachRuleList>): Promise<z.infer<typeof reachRuleRows>> {
  const name = containing(input.search);
  const where: Prisma.ReachRuleWhereInput = { organisationId: caller.organisationId, ...(name ? { OR: [{ name }, { groups: { some: { group: { name } } } }] } : {}) };
  const by = direction(input);
  const orderBy: Prisma.ReachRuleOrderByWithRelationInput = input.sort === "name" ? { nameKey: by } : { [input.sort]: by };
  const [rows, total] = await Promise.all([
    caller.db.reachRule.findMany({ where, select: reachRuleColumns, orderBy: [orderBy, { id: "asc" }], ...pageOf(input) }),
    caller.db.reachRule.count({ where }),
  ]);
  const counts = await agentCounts(caller.db, caller.organisationId, rows.map((row) => row.id));
  return { rows: rows.map((row) => toReachRuleRow(row, counts.get(row.id) ?? 0)), total };
}

export function toReachRuleRow(row: Row, agentCount: number): z.infer<typeof reachRuleRow> {
  const { services, approval, scripts } = readRule(row);
  return { id: row.id, name: row.name, isEnabled: row.isEnabled, services, groups: row.groups.map(({ group }) => group), agentCount, needsApproval: approval !== null, allowsScripts: scripts !== null, createdAt: iso(row.createdAt) };
}

/** Agents that each rule targets, one that is in two of its groups counted once, revoked ones not at all. */
export async function agentCounts(db: Db, organisationId: string, ruleIds: readonly string[]): Promise<Map<string, number>> {
  if (ruleIds.length === 0) return new Map();
  const rows = await db.$queryRaw<{ id: string; agents: bigint }[]>`
    SELECT g."ruleId"::text AS id, count(DISTINCT m."agentId") AS agents
      FROM "ReachRuleGroup" g JOIN "AgentGroupMember" m ON m."groupId" = g."groupId" JOIN "Agent" a ON a.id = m."agentId"
     WHERE g."ruleId" = ANY(${[...ruleIds]}::uuid[]) AND a."organisationId" = ${organisationId}::uuid AND a."revokedAt" IS NULL
     GROUP BY g."ruleId"`;
  return new Map(rows.map((row) => [row.id, Number(row.agents)]));
}
