/** Virtual services of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { serviceList, serviceRow, serviceRows } from "../../../contract/service-objects.ts";
import { serviceMode, serviceProtocol } from "../../../contract/virtual-service.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, likeLiteral } from "../object/list.ts";
import { checkFactsOf } from "../pool/check-facts.ts";
import { rollUp, type Tally, tallyServices } from "../pool/tally.ts";
import { connectionsOf } from "./loads.ts";
import { listeningOf, serviceStateOf, servingGatewayColumns } from "./state.ts";

type Input = z.infer<typeof serviceList>;

export const serviceColumns = {
  id: true, name: true, isEnabled: true, address: true, port: true, serverNames: true, mode: true, protocol: true, createdAt: true,
  pool: { select: { id: true, name: true, healthCheck: true } },
  gateways: { select: { gateway: { select: servingGatewayColumns } }, orderBy: { gateway: { nameKey: "asc" } } },
} as const satisfies Prisma.VirtualServiceSelect;
type Row = Prisma.VirtualServiceGetPayload<{ select: typeof serviceColumns }>;

export async function listServices(caller: Caller, input: Input): Promise<z.infer<typeof serviceRows>> {
  const where = Prisma.join(conditions(caller, input), " AND ");
  const page = await caller.db.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM "VirtualService" s WHERE ${where} ORDER BY ${order(input)}, s.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "VirtualService" s WHERE ${where}`;
  const ids = page.map((row) => row.id);
  return { total: Number(count?.total ?? 0), rows: await readServiceRows(caller, ids) };
}

/** Rows in the order of `ids`. */
export async function readServiceRows(caller: Caller, ids: readonly string[]): Promise<z.infer<typeof serviceRow>[]> {
  const [rows, tallies, connections] = await Promise.all([
    caller.db.virtualService.findMany({ where: { organisationId: caller.organisationId, id: { in: [...ids] } }, select: serviceColumns }),
    tallyServices(caller.db, caller.organisationId, ids),
    connectionsOf(caller.db, caller.organisationId, ids),
  ]);
  return inOrderOf(ids, rows).map((row) => toServiceRow(row, { tallies: tallies.get(row.id) ?? [], connections: connections.get(row.id) ?? 0 }));
}

export function toServiceRow(row: Row, seen: { tallies: readonly Tally[]; connections: number }): z.infer<typeof serviceRow> {
  const listening = row.gateways.map(({ gateway }) => listeningOf(row, gateway));
  const { state, cause, membersUp, memberCount } = serviceStateOf(row, listening, rollUp(seen.tallies, checkFactsOf(row.pool.healthCheck)));
  return {
    id: row.id, name: row.name, isEnabled: row.isEnabled, state, cause, address: row.address, port: row.port, serverNames: row.serverNames, mode: serviceMode.parse(row.mode), protocol: serviceProtocol.parse(row.protocol),
    pool: { id: row.pool.id, name: row.pool.name }, gateways: row.gateways.map(({ gateway }) => ({ id: gateway.id, name: gateway.name })), membersUp, memberCount, connections: seen.connections, createdAt: iso(row.createdAt),
  };
}

/** The text is looked for in the name, the server names, the stamp name and the pool's name. */
function conditions(caller: Caller, input: Input): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`s."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.search === "" ? [] : [Prisma.sql`(s.name ILIKE ${pattern} OR array_to_string(s."serverNames", ' ') ILIKE ${pattern} OR s."stampName" ILIKE ${pattern} OR EXISTS (SELECT 1 FROM "Pool" p WHERE p.id = s."poolId" AND p.name ILIKE ${pattern}))`]),
    ...(input.mode ? [Prisma.sql`s.mode = ${input.mode}`] : []),
    ...(input.poolId ? [Prisma.sql`s."poolId" = ${input.poolId}::uuid`] : []),
    ...(input.gatewayId ? [Prisma.sql`EXISTS (SELECT 1 FROM "VirtualServiceGateway" sg WHERE sg."serviceId" = s.id AND sg."gatewayId" = ${input.gatewayId}::uuid)`] : []),
  ];
}

function order(input: Input): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  switch (input.sort) {
    case "name": return Prisma.sql`s."nameKey" ${by}`;
    case "mode": return Prisma.sql`s.mode ${by}, s."nameKey" ASC`;
    case "port": return Prisma.sql`s.port ${by}, s."nameKey" ASC`;
    case "createdAt": return Prisma.sql`s."createdAt" ${by}`;
  }
}
