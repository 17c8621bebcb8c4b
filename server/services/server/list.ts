/** Servers of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { serverList, serverRow, serverRows } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, isoOrNull, pageOf } from "../object/list.ts";

export const serverColumns = {
  id: true, name: true, kind: true, isAgentSite: true, names: true, ports: true, isReady: true, readyCheckedAt: true, readyDetail: true, readyFingerprint: true, createdAt: true,
  _count: { select: { sites: true, gateways: true } },
} as const satisfies Prisma.ServerSelect;

export async function listServers(caller: Caller, input: z.infer<typeof serverList>): Promise<z.infer<typeof serverRows>> {
  const where = filter(caller, input);
  const [rows, total] = await Promise.all([
    caller.db.server.findMany({ where, select: serverColumns, orderBy: [order(input.sort, direction(input)), { id: "asc" }], ...pageOf(input) }),
    caller.db.server.count({ where }),
  ]);
  return { rows: rows.map(toServerRow), total };
}

function filter(caller: Caller, input: z.infer<typeof serverList>): Prisma.ServerWhereInput {
  const text = containing(input.search);
  return {
    organisationId: caller.organisationId,
    ...(text ? { OR: [{ name: text }, { names: { has: input.search.toLowerCase() } }] } : {}),
    ...(input.kind ? { kind: input.kind } : {}),
    ...(input.siteId ? { sites: { some: { siteId: input.siteId, site: { organisationId: caller.organisationId } } } } : {}),
    ...(input.gatewayId ? { gateways: { some: { gatewayId: input.gatewayId, gateway: { organisationId: caller.organisationId } } } } : {}),
  };
}

export function toServerRow(row: Prisma.ServerGetPayload<{ select: typeof serverColumns }>): z.infer<typeof serverRow> {
  return {
    id: row.id, name: row.name, kind: row.kind, isAgentSite: row.isAgentSite, names: row.names, ports: row.ports,
    siteCount: row._count.sites, gatewayCount: row._count.gateways, readiness: readinessOf(row), createdAt: iso(row.createdAt),
  };
}

/** The last check's verdict as the contract words it; probes are made by the console. */
export function readinessOf(row: { isReady: boolean; readyCheckedAt: Date | null; readyDetail: string; readyFingerprint: string | null }): z.infer<typeof serverRow>["readiness"] {
  const detail = row.readyCheckedAt === null ? "not checked yet" : row.readyDetail;
  return { isReady: row.isReady, checkedAt: isoOrNull(row.readyCheckedAt), detail, fingerprint: row.readyFingerprint, from: "console" };
}

function order(sort: z.infer<typeof serverList>["sort"], by: "asc" | "desc"): Prisma.ServerOrderByWithRelationInput {
  switch (sort) {
    case "name": return { nameKey: by };
    case "kind": return { kind: by };
    case "createdAt": return { createdAt: by };
  }
}
