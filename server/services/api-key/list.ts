/** API keys of the organisation that have not been revoked. */
import type { z } from "zod";
import type { apiKeyList, apiKeyRows } from "../../../contract/objects.ts";
import type { Caller } from "../caller.ts";

const columns = { id: true, name: true, role: true, prefix: true, createdAt: true, expiresAt: true, lastUsedAt: true, createdByName: true } as const;

export async function listApiKeys(caller: Caller, input: z.output<typeof apiKeyList>): Promise<z.output<typeof apiKeyRows>> {
  const where = { organisationId: caller.organisationId, revokedAt: null, ...(input.search === "" ? {} : { name: { contains: input.search, mode: "insensitive" as const } }) };
  const direction = input.desc ? ("desc" as const) : ("asc" as const);
  const orderBy = input.sort === "name" ? { nameKey: direction } : input.sort === "lastUsedAt" ? { lastUsedAt: { sort: direction, nulls: "last" as const } } : { [input.sort]: direction };
  const [rows, total] = await Promise.all([
    caller.db.apiKey.findMany({ where, select: columns, orderBy: [orderBy, { id: "asc" }], skip: (input.page - 1) * input.pageSize, take: input.pageSize }),
    caller.db.apiKey.count({ where }),
  ]);
  return { total, rows: rows.map(({ createdByName, ...row }) => ({ ...row, createdBy: createdByName, createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt.toISOString(), lastUsedAt: row.lastUsedAt?.toISOString() ?? null })) };
}
