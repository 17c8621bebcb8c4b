/** Members and open invitations in one list, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { userList, userRows } from "../../../contract/objects.ts";
import type { Role } from "../../../contract/roles.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";

type Input = z.output<typeof userList>;
type Row = { id: string; name: string; email: string; role: Role; lastSeenAt: Date | null; createdAt: Date; isInvited: boolean; total: number };

const orders = { name: Prisma.sql`lower(name)`, email: Prisma.sql`email`, role: Prisma.sql`role`, lastSeenAt: Prisma.sql`"lastSeenAt"`, createdAt: Prisma.sql`"createdAt"` } as const satisfies Record<Input["sort"], Prisma.Sql>;

export async function listUsers(caller: Caller, input: Input): Promise<z.output<typeof userRows>> {
  const direction = input.desc ? Prisma.sql`DESC NULLS LAST` : Prisma.sql`ASC NULLS LAST`;
  const pattern = `%${input.search.replace(/[\\%_]/g, "\\$&")}%`;
  const rows = await caller.db.$queryRaw<Row[]>`
    SELECT *, count(*) OVER ()::int AS total FROM (
      SELECT u.id, u.name, u.email, m.role, m."lastSeenAt", m."createdAt", false AS "isInvited"
        FROM "Membership" m JOIN "User" u ON u.id = m."userId" WHERE m."organisationId" = ${caller.organisationId}::uuid
      UNION ALL
      SELECT i.id::text, coalesce(i.name, i.email), i.email, i.role, NULL, i."createdAt", true
        FROM "Invite" i WHERE i."organisationId" = ${caller.organisationId}::uuid AND i.email IS NOT NULL AND i."usedAt" IS NULL AND i."expiresAt" > now()
    ) people
    WHERE name ILIKE ${pattern} OR email ILIKE ${pattern}
    ORDER BY ${orders[input.sort]} ${direction}, id LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  return {
    total: rows[0]?.total ?? 0,
    rows: rows.map((row) => ({ id: row.id, name: row.name, email: row.email, role: row.role, lastSeenAt: row.lastSeenAt?.toISOString() ?? null, createdAt: row.createdAt.toISOString(), isYou: row.id === caller.actor.id, isInvited: row.isInvited })),
  };
}
