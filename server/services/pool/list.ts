/** Pools of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import { scheduling } from "../../../contract/pool.ts";
import type { poolList, poolRow, poolRows } from "../../../contract/service-objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, likeLiteral } from "../object/list.ts";
import { checkFactsOf } from "./check-facts.ts";
import { rollUp, type Tally, tallyPools } from "./tally.ts";

type Input = z.infer<typeof poolList>;

export const poolColumns = { id: true, name: true, scheduling: true, isSessionBound: true, healthCheck: true, createdAt: true, _count: { select: { services: true } } } as const satisfies Prisma.PoolSelect;
type Row = Prisma.PoolGetPayload<{ select: typeof poolColumns }>;

export async function listPools(caller: Caller, input: Input): Promise<z.infer<typeof poolRows>> {
  const where = Prisma.join(conditions(caller, input), " AND ");
  const page = await caller.db.$queryRaw<{ id: string }[]>`
    SELECT p.id FROM "Pool" p WHERE ${where} ORDER BY ${order(input)}, p.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "Pool" p WHERE ${where}`;
  const ids = page.map((row) => row.id);
  const [rows, tallies] = await Promise.all([
    caller.db.pool.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: poolColumns }),
    tallyPools(caller.db, caller.organisationId, ids),
  ]);
  return { total: Number(count?.total ?? 0), rows: inOrderOf(ids, rows).map((row) => toPoolRow(row, tallies.get(row.id) ?? [])) };
}

export function toPoolRow(row: Row, tallies: readonly Tally[]): z.infer<typeof poolRow> {
  const facts = checkFactsOf(row.healthCheck);
  const { state, membersUp, memberCount } = rollUp(tallies, facts);
  return {
    id: row.id, name: row.name, scheduling: scheduling.parse(row.scheduling), isSessionBound: row.isSessionBound, state, memberCount, membersUp,
    checkKind: facts.checkKind, serviceCount: row._count.services, createdAt: iso(row.createdAt),
  };
}

/** The text is looked for in the pool's name and in its members' names and hosts. */
function conditions(caller: Caller, input: Input): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`p."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.search === "" ? [] : [Prisma.sql`(p.name ILIKE ${pattern} OR EXISTS (SELECT 1 FROM "PoolMember" m WHERE m."poolId" = p.id AND (m.name ILIKE ${pattern} OR m.host ILIKE ${pattern})))`]),
  ];
}

function order(input: Input): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  switch (input.sort) {
    case "name": return Prisma.sql`p."nameKey" ${by}`;
    case "scheduling": return Prisma.sql`p.scheduling ${by}, p."nameKey" ASC`;
    case "memberCount": return Prisma.sql`(SELECT count(*) FROM "PoolMember" m WHERE m."poolId" = p.id) ${by}`;
    case "createdAt": return Prisma.sql`p."createdAt" ${by}`;
  }
}
