/** Sessions of reverse access, newest first unless asked otherwise: who reached what, through which gateway, how much, why it ended. */
import type { z } from "zod";
import { reachService, reachSessionState } from "../../../contract/reach.ts";
import type { reachSessionList, reachSessionRow, reachSessionRows } from "../../../contract/reach-objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, isoOrNull, likeLiteral } from "../object/list.ts";
import { sweepSessions } from "./sweep.ts";

type Input = z.infer<typeof reachSessionList>;

export const sessionColumns = {
  id: true, state: true, service: true, actorKind: true, actorId: true, actorName: true, source: true, gatewayId: true, channelGatewayId: true, createdAt: true, openedAt: true, endedAt: true, until: true, bytesUp: true, bytesDown: true, endReason: true,
  agent: { select: { id: true, hostname: true } }, rule: { select: { id: true, name: true } },
} as const satisfies Prisma.ReachSessionSelect;
export type SessionRow = Prisma.ReachSessionGetPayload<{ select: typeof sessionColumns }>;

export async function listReachSessions(caller: Caller, input: Input): Promise<z.infer<typeof reachSessionRows>> {
  await sweepSessions(caller);
  const where = Prisma.join(conditions(caller, input), " AND ");
  const page = await caller.db.$queryRaw<{ id: string }[]>`
    SELECT s.id::text AS id FROM "ReachSession" s JOIN "Agent" a ON a.id = s."agentId" WHERE ${where} ORDER BY ${order(input)}, s.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "ReachSession" s JOIN "Agent" a ON a.id = s."agentId" WHERE ${where}`;
  const ids = page.map((row) => row.id);
  const rows = await caller.db.reachSession.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: sessionColumns });
  return { rows: await toSessionRows(caller, inOrderOf(ids, rows)), total: Number(count?.total ?? 0) };
}

/** Names of gateways are read once for all rows. */
export async function toSessionRows(caller: Caller, rows: readonly SessionRow[]): Promise<z.infer<typeof reachSessionRow>[]> {
  const ids = [...new Set(rows.flatMap((row) => [row.gatewayId, row.channelGatewayId].flatMap((id) => id ?? [])))];
  const gateways = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: { id: true, name: true } });
  const byId = new Map(gateways.map((gateway) => [gateway.id, gateway]));
  const gatewayOf = (id: string | null) => (id === null ? null : (byId.get(id) ?? { id, name: "(deleted gateway)" }));
  return rows.map((row) => ({
    id: row.id, state: reachSessionState.catch("ended").parse(row.state), agent: { id: row.agent.id, name: row.agent.hostname }, service: reachService.catch({ name: "unknown", host: "127.0.0.1", port: 1 }).parse(row.service), rule: row.rule,
    actor: { kind: row.actorKind === "user" ? "user" : "api-key", id: row.actorId, name: row.actorName }, source: row.source, gateway: gatewayOf(row.gatewayId), channelGateway: gatewayOf(row.channelGatewayId),
    createdAt: iso(row.createdAt), openedAt: isoOrNull(row.openedAt), endedAt: isoOrNull(row.endedAt), until: iso(row.until), bytesUp: Number(row.bytesUp), bytesDown: Number(row.bytesDown), endReason: row.endReason,
  }));
}

function conditions(caller: Caller, input: Input): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`s."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.agentId ? [Prisma.sql`s."agentId" = ${input.agentId}::uuid`] : []),
    ...(input.state ? [Prisma.sql`s.state = ${input.state}`] : []),
    ...(input.search === "" ? [] : [Prisma.sql`(s."actorName" ILIKE ${pattern} OR a.hostname ILIKE ${pattern} OR s.source ILIKE ${pattern} OR s.service->>'name' ILIKE ${pattern})`]),
  ];
}

function order(input: Input): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  switch (input.sort) {
    case "createdAt": return Prisma.sql`s."createdAt" ${by}`;
    case "state": return Prisma.sql`array_position(${[...reachSessionState.options]}::text[], s.state) ${by}, s."createdAt" DESC`;
    case "bytes": return Prisma.sql`s."bytesUp" + s."bytesDown" ${by}`;
  }
}
