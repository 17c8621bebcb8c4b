/** Agent groups of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { agentGroupList, agentGroupRow, agentGroupRows } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";

export const groupColumns = { id: true, name: true, kind: true, createdAt: true, _count: { select: { members: true, policies: true } } } as const satisfies Prisma.AgentGroupSelect;

export async function listAgentGroups(caller: Caller, input: z.infer<typeof agentGroupList>): Promise<z.infer<typeof agentGroupRows>> {
  const name = containing(input.search);
  const where: Prisma.AgentGroupWhereInput = { organisationId: caller.organisationId, ...(name ? { name } : {}) };
  const [rows, total] = await Promise.all([
    caller.db.agentGroup.findMany({ where, select: groupColumns, orderBy: [order(input.sort, direction(input)), { id: "asc" }], ...pageOf(input) }),
    caller.db.agentGroup.count({ where }),
  ]);
  return { rows: rows.map(toGroupRow), total };
}

export function toGroupRow(row: Prisma.AgentGroupGetPayload<{ select: typeof groupColumns }>): z.infer<typeof agentGroupRow> {
  return { id: row.id, name: row.name, kind: row.kind, agentCount: row._count.members, policyCount: row._count.policies, createdAt: iso(row.createdAt) };
}

function order(sort: z.infer<typeof agentGroupList>["sort"], by: "asc" | "desc"): Prisma.AgentGroupOrderByWithRelationInput {
  switch (sort) {
    case "name": return { nameKey: by };
    case "kind": return { kind: by };
    case "agentCount": return { members: { _count: by } };
    case "createdAt": return { createdAt: by };
  }
}
