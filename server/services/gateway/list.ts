/** Gateways of the organisation; state, sort and page are decided in the database. */
import type { z } from "zod";
import { gatewayStatus } from "../../../contract/control.ts";
import type { gatewayList, gatewayRow, gatewayRows } from "../../../contract/objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, iso, isoOrNull, likeLiteral } from "../object/list.ts";
import { gatewayStateColumns, gatewayStateOf, gatewayStateRankSql, gatewayStateSql } from "./state.ts";

type Input = z.infer<typeof gatewayList>;

export const gatewayColumns = {
  id: true, name: true, publicNames: true, publicPort: true, revision: true, softwareVersion: true, presentedCertificateId: true, createdAt: true, ...gatewayStateColumns,
  policies: { select: { policyId: true }, distinct: ["policyId"] }, _count: { select: { servers: true } },
} satisfies Prisma.GatewaySelect;
type Row = Prisma.GatewayGetPayload<{ select: typeof gatewayColumns }>;

export async function listGateways(caller: Caller, input: Input): Promise<z.infer<typeof gatewayRows>> {
  const where = Prisma.join(conditions(caller, input), " AND ");
  const page = await caller.db.$queryRaw<{ id: string }[]>`
    SELECT g.id FROM "Gateway" g WHERE ${where} ORDER BY ${order(input)}, g.id ASC LIMIT ${input.pageSize} OFFSET ${(input.page - 1) * input.pageSize}`;
  const [count] = await caller.db.$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM "Gateway" g WHERE ${where}`;
  const ids = page.map((row) => row.id);
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: gatewayColumns });
  const fingerprints = await presentedFingerprints(caller, rows);
  return { total: Number(count?.total ?? 0), rows: inOrderOf(ids, rows).map((row) => toGatewayRow(row, fingerprints.get(row.presentedCertificateId ?? "") ?? null)) };
}

async function presentedFingerprints(caller: Caller, rows: readonly Row[]): Promise<Map<string, string>> {
  const ids = rows.flatMap((row) => row.presentedCertificateId ?? []);
  const found = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: { id: true, fingerprint: true } });
  return new Map(found.map((certificate) => [certificate.id, certificate.fingerprint]));
}

export function toGatewayRow(row: Row, fingerprint: string | null): z.infer<typeof gatewayRow> {
  const status = gatewayStatus.safeParse(row.status);
  return {
    id: row.id, name: row.name, publicNames: row.publicNames, publicPort: row.publicPort, state: gatewayStateOf(row), lastSeenAt: isoOrNull(row.lastSeenAt),
    revision: row.revision, appliedRevision: row.appliedRevision, tunnels: status.success ? status.data.tunnels : 0, fingerprint,
    serverCount: row._count.servers, policyCount: row.policies.length, version: row.softwareVersion, createdAt: iso(row.createdAt),
  };
}

function conditions(caller: Caller, input: Input): Prisma.Sql[] {
  const pattern = `%${likeLiteral(input.search)}%`;
  return [
    Prisma.sql`g."organisationId" = ${caller.organisationId}::uuid`,
    ...(input.search === "" ? [] : [Prisma.sql`(g.name ILIKE ${pattern} OR array_to_string(g."publicNames", ' ') ILIKE ${pattern})`]),
    ...(input.state ? [Prisma.sql`${gatewayStateSql()} = ${input.state}`] : []),
  ];
}

function order(input: Input): Prisma.Sql {
  const by = input.desc ? Prisma.sql`DESC NULLS LAST` : Prisma.sql`ASC NULLS LAST`;
  switch (input.sort) {
    case "name": return Prisma.sql`g."nameKey" ${by}`;
    case "state": return Prisma.sql`${gatewayStateRankSql()} ${by}`;
    case "lastSeenAt": return Prisma.sql`g."lastSeenAt" ${by}`;
    case "createdAt": return Prisma.sql`g."createdAt" ${by}`;
  }
}
