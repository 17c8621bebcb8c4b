/** Sites of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { siteList, siteRow, siteRows } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";

export const siteColumns = { id: true, name: true, kind: true, subnets: true, createdAt: true, _count: { select: { servers: true } } } as const satisfies Prisma.SiteSelect;

export async function listSites(caller: Caller, input: z.infer<typeof siteList>): Promise<z.infer<typeof siteRows>> {
  const name = containing(input.search);
  const where: Prisma.SiteWhereInput = { organisationId: caller.organisationId, ...(name ? { name } : {}), ...(input.kind ? { kind: input.kind } : {}) };
  const [rows, total] = await Promise.all([
    caller.db.site.findMany({ where, select: siteColumns, orderBy: [order(input.sort, direction(input)), { id: "asc" }], ...pageOf(input) }),
    caller.db.site.count({ where }),
  ]);
  return { rows: rows.map(toSiteRow), total };
}

export function toSiteRow(row: Prisma.SiteGetPayload<{ select: typeof siteColumns }>): z.infer<typeof siteRow> {
  return { id: row.id, name: row.name, kind: row.kind, subnets: row.subnets, serverCount: row._count.servers, createdAt: iso(row.createdAt) };
}

function order(sort: z.infer<typeof siteList>["sort"], by: "asc" | "desc"): Prisma.SiteOrderByWithRelationInput {
  switch (sort) {
    case "name": return { nameKey: by };
    case "kind": return { kind: by };
    case "serverCount": return { servers: { _count: by } };
    case "createdAt": return { createdAt: by };
  }
}
