/** Agents of the organisation; search, state, sort and page are decided in the database, so that 100,000 agents cost one page. */
import type { z } from "zod";
import type { agentList, agentRow, agentRows } from "../../../contract/objects.ts";
import { type AgentPath, agentPath, connectionStep } from "../../../contract/states.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, isoOrNull, likeLiteral } from "../object/list.ts";
import { agentStateColumns, agentStateOf, agentStateRankSql, agentStateSql } from "./state.ts";

type Wanted = Partial<Pick<z.infer<typeof agentList>, "state" | "groupId" | "via">> & { search: string; sort: z.infer<typeof agentList>["sort"]; desc: boolean; page: number; pageSize: number };

export const agentColumns = {
  id: true, hostname: true, platform: true, path: true, step: true, softwareVersion: true, createdAt: true, ...agentStateColumns,
  groups: { select: { group: { select: { id: true, name: true, policies: { where: { policy: { isEnabled: true, gateways: { some: {} } } }, select: { policyId: true }, take: 1 } } } }, orderBy: { group: { nameKey: "asc" } } },
} as const satisfies Prisma.AgentSelect;

export async function listAgents(caller: Caller, input: z.infer<typeof agentList>): Promise<z.infer<typeof agentRows>> {
  const { ids, total } = await findAgentIds(caller, input);
  const rows = await caller.db.agent.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: agentColumns });
  return { rows: inOrderOf(ids, rows).map(toAgentRow), total };
}

/** Ids of one page in order, and how many the search matched. */
export async function findAgentIds(caller: Caller, input: Wanted): Promise<{ ids: string[]; total: number }> {
  const where = Prisma.join(conditions(caller, input), " AND ");
  const rows = await caller.db.$queryRaw<{ id: string }[]>`
    SELECT a.id FROM "Agent" a WHERE ${where} ORDER BY ${order(input)}, a.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "Agent" a WHERE ${where}`;
  return { ids: rows.map((row) => row.id), total: Number(count?.total ?? 0) };
}

function conditions(caller: Caller, input: Wanted): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`a."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.search === "" ? [] : [Prisma.sql`(a.hostname ILIKE ${pattern} OR a."osName" ILIKE ${pattern} OR array_to_string(a.addresses, ' ') ILIKE ${pattern})`]),
    ...(input.state ? [Prisma.sql`${agentStateSql()} = ${input.state}`] : []),
    ...(input.via ? [Prisma.sql`a.path->>'kind' = ${input.via}`] : []),
    ...(input.groupId ? [Prisma.sql`EXISTS (SELECT 1 FROM "AgentGroupMember" m JOIN "AgentGroup" g ON g.id = m."groupId" WHERE m."agentId" = a.id AND g.id = ${input.groupId}::uuid AND g."organisationId" = a."organisationId")`] : []),
  ];
}

function order(input: Wanted): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC NULLS LAST` : Prisma.sql`ASC NULLS LAST`;
  switch (input.sort) {
    case "hostname": return Prisma.sql`lower(a.hostname) ${by}`;
    case "state": return Prisma.sql`${agentStateRankSql()} ${by}`;
    case "lastSeenAt": return Prisma.sql`a."lastSeenAt" ${by}`;
    case "createdAt": return Prisma.sql`a."createdAt" ${by}`;
    case "platform": return Prisma.sql`lower(a.platform) ${by}`;
  }
}

export function toAgentRow(row: Prisma.AgentGetPayload<{ select: typeof agentColumns }>): z.infer<typeof agentRow> {
  const state = agentStateOf(row);
  return {
    id: row.id, hostname: row.hostname, platform: row.platform, state, path: readPath(row.path), step: connectionStep.catch("idle").parse(row.step),
    lastSeenAt: isoOrNull(row.lastSeenAt), version: row.softwareVersion, groups: row.groups.map(({ group }) => ({ id: group.id, name: group.name })),
    isCloudEnabled: state !== "revoked" && row.groups.some(({ group }) => group.policies.length > 0), createdAt: iso(row.createdAt),
  };
}

/** The stored path; one that an older version wrote differently counts as none. */
export function readPath(stored: unknown): AgentPath {
  const parsed = agentPath.safeParse(stored);
  return parsed.success ? parsed.data : { kind: "none" };
}
