/** Policies of the organisation; sorting by reach counts distinct agents in the database. */
import type { z } from "zod";
import type { policyList, policyRow, policyRows } from "../../../contract/objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, likeLiteral } from "../object/list.ts";

type Input = z.infer<typeof policyList>;
type Ranked = { id: string; agentCount: bigint };

export const policyColumns = {
  id: true, name: true, isEnabled: true, createdAt: true, _count: { select: { groups: true } },
  gateways: { select: { fqdn: true, port: true, gateway: { select: { name: true } } }, orderBy: { ordinal: "asc" } },
} as const satisfies Prisma.PolicySelect;

/** Agents targeted, counted once however many groups name them; alias `p`. */
const agentCountSql = Prisma.sql`(SELECT count(DISTINCT m."agentId") FROM "PolicyGroup" t JOIN "AgentGroupMember" m ON m."groupId" = t."groupId" WHERE t."policyId" = p.id)`;

export async function listPolicies(caller: Caller, input: Input): Promise<z.infer<typeof policyRows>> {
  const where = Prisma.join(conditions(caller, input), " AND ");
  const ranked = await caller.db.$queryRaw<Ranked[]>`
    SELECT p.id, ${agentCountSql} AS "agentCount" FROM "Policy" p WHERE ${where} ORDER BY ${order(input)}, p.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "Policy" p WHERE ${where}`;
  const ids = ranked.map((row) => row.id);
  const counts = new Map(ranked.map((row) => [row.id, Number(row.agentCount)]));
  const rows = await caller.db.policy.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: policyColumns });
  return { total: Number(count?.total ?? 0), rows: inOrderOf(ids, rows).map((row) => toPolicyRow(row, counts.get(row.id) ?? 0)) };
}

/** How many agents one policy targets. */
export async function countPolicyAgents(caller: Caller, policyId: string): Promise<number> {
  const [row] = await caller.db.$queryRaw<{ count: bigint }[]>`SELECT ${agentCountSql} AS count FROM "Policy" p WHERE p.id = ${policyId}::uuid AND p."organisationId" = ${caller.organisationId}::uuid`;
  return Number(row?.count ?? 0);
}

export function toPolicyRow(row: Prisma.PolicyGetPayload<{ select: typeof policyColumns }>, agentCount: number): z.infer<typeof policyRow> {
  return {
    id: row.id, name: row.name, isEnabled: row.isEnabled, agentCount, groupCount: row._count.groups, createdAt: iso(row.createdAt),
    gateways: row.gateways.map((entry) => ({ name: entry.gateway.name, fqdn: entry.fqdn, port: entry.port })),
  };
}

function conditions(caller: Caller, input: Input): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`p."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.search === "" ? [] : [Prisma.sql`(p.name ILIKE ${pattern} OR EXISTS (SELECT 1 FROM "PolicyGateway" g WHERE g."policyId" = p.id AND g.fqdn ILIKE ${pattern}))`]),
    ...(input.isEnabled === undefined ? [] : [Prisma.sql`p."isEnabled" = ${input.isEnabled}`]),
  ];
}

function order(input: Input): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  switch (input.sort) {
    case "name": return Prisma.sql`p."nameKey" ${by}`;
    case "isEnabled": return Prisma.sql`p."isEnabled" ${by}`;
    case "agentCount": return Prisma.sql`"agentCount" ${by}`;
    case "createdAt": return Prisma.sql`p."createdAt" ${by}`;
  }
}
