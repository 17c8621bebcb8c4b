/** Requests for approval, newest first unless asked otherwise. */
import type { z } from "zod";
import { reachService } from "../../../contract/reach.ts";
import type { reachRequestList, reachRequestRow, reachRequestRows } from "../../../contract/reach-objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, isoOrNull, likeLiteral } from "../object/list.ts";
import { ruleApproval } from "../reach-rule/approval.ts";
import { mayDecide } from "./decide.ts";

type Input = z.infer<typeof reachRequestList>;
type Row = z.infer<typeof reachRequestRow>;

const columns = {
  id: true, service: true, reason: true, actorKind: true, actorId: true, actorName: true, createdAt: true, expiresAt: true, isApproved: true, decidedByName: true, decidedAt: true, decisionNote: true,
  agent: { select: { id: true, hostname: true } }, rule: { select: { id: true, name: true, approval: true } },
} as const satisfies Prisma.ReachRequestSelect;

export async function listReachRequests(caller: Caller, input: Input, now: Date = new Date()): Promise<z.infer<typeof reachRequestRows>> {
  const where = Prisma.join(conditions(caller, input, now), " AND ");
  const page = await caller.db.$queryRaw<{ id: string }[]>`
    SELECT r.id::text AS id FROM "ReachRequest" r JOIN "Agent" a ON a.id = r."agentId" WHERE ${where} ORDER BY ${order(input, now)}, r.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "ReachRequest" r JOIN "Agent" a ON a.id = r."agentId" WHERE ${where}`;
  const ids = page.map((row) => row.id);
  const rows = await caller.db.reachRequest.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: columns });
  return { rows: inOrderOf(ids, rows).map((row) => toRow(caller, row, now)), total: Number(count?.total ?? 0) };
}

function toRow(caller: Caller, row: Prisma.ReachRequestGetPayload<{ select: typeof columns }>, now: Date): Row {
  const state = stateOf(row, now);
  const roles = row.rule.approval === null ? [] : ruleApproval(row.rule.approval).roles;
  return {
    id: row.id, state, agent: { id: row.agent.id, name: row.agent.hostname }, service: reachService.catch({ name: "unknown", host: "127.0.0.1", port: 1 }).parse(row.service), rule: { id: row.rule.id, name: row.rule.name },
    reason: row.reason, requestedBy: row.actorName, createdAt: iso(row.createdAt), decidedBy: row.decidedByName, decidedAt: isoOrNull(row.decidedAt), decisionNote: row.decisionNote, expiresAt: iso(row.expiresAt),
    mayDecide: state === "open" && mayDecide(caller, row, roles), isYours: row.actorKind === caller.actor.kind && row.actorId === caller.actor.id,
  };
}

/** Denied stays denied; an approval or an open request ends with its time. */
function stateOf(row: { isApproved: boolean | null; expiresAt: Date }, now: Date): Row["state"] {
  if (row.isApproved === false) return "denied";
  if (row.expiresAt <= now) return "expired";
  return row.isApproved ? "approved" : "open";
}

function stateSql(now: Date): Prisma.Sql {
  return Prisma.sql`CASE WHEN r."isApproved" = false THEN 'denied' WHEN r."expiresAt" <= ${now}::timestamptz THEN 'expired' WHEN r."isApproved" THEN 'approved' ELSE 'open' END`;
}

function conditions(caller: Caller, input: Input, now: Date): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`r."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.state ? [Prisma.sql`${stateSql(now)} = ${input.state}`] : []),
    ...(input.search === "" ? [] : [Prisma.sql`(r."actorName" ILIKE ${pattern} OR a.hostname ILIKE ${pattern} OR r.reason ILIKE ${pattern})`]),
  ];
}

function order(input: Input, now: Date): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  return input.sort === "createdAt" ? Prisma.sql`r."createdAt" ${by}` : Prisma.sql`array_position(ARRAY['open', 'approved', 'denied', 'expired'], ${stateSql(now)}) ${by}, r."createdAt" DESC`;
}
