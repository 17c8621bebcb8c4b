/** Offline bundles of the organisation, searched, sorted and paged in the database. */
import type { z } from "zod";
import type { bundleList, bundleRow, bundleRows } from "../../../contract/objects.ts";
import type { Db, Prisma, Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, inOrderOf, iso, pageOf } from "../object/list.ts";
import { stateOfBundle, whereState } from "./state.ts";

export const bundleColumns = { id: true, name: true, platform: true, usesMax: true, uses: true, expiresAt: true, revokedAt: true, groupIds: true, createdAt: true, createdByName: true } as const satisfies Prisma.BundleSelect;
export type BundleColumns = Prisma.BundleGetPayload<{ select: typeof bundleColumns }>;

export async function listBundles(caller: Caller, input: z.infer<typeof bundleList>): Promise<z.infer<typeof bundleRows>> {
  const name = containing(input.search);
  const now = new Date();
  const where: Prisma.BundleWhereInput = { organisationId: caller.organisationId, ...(name ? { name } : {}), ...(input.state ? whereState(input.state, now, caller.db.bundle.fields.usesMax) : {}) };
  const [rows, total] = await Promise.all([
    caller.db.bundle.findMany({ where, select: bundleColumns, orderBy: [order(input.sort, direction(input)), { id: "asc" }], ...pageOf(input) }),
    caller.db.bundle.count({ where }),
  ]);
  const groups = await groupNames(caller.db, caller.organisationId, rows.flatMap((row) => row.groupIds));
  return { rows: rows.map((row) => toBundleRow(row, groups, now)), total };
}

export type GroupRef = { id: string; name: string };

/** Names of groups; one that was deleted since has none and is left out. */
export async function groupNames(reader: Db | Tx, organisationId: string, ids: readonly string[]): Promise<GroupRef[]> {
  return reader.agentGroup.findMany({ where: { organisationId, id: { in: [...new Set(ids)] } }, select: { id: true, name: true } });
}

export function toBundleRow(row: BundleColumns, groups: readonly GroupRef[], now: Date): z.infer<typeof bundleRow> {
  const { id, name, platform, usesMax, uses } = row;
  return { id, name, platform, usesMax, uses, state: stateOfBundle(row, now), expiresAt: iso(row.expiresAt), createdAt: iso(row.createdAt), createdBy: row.createdByName, groups: inOrderOf(row.groupIds, groups) };
}

function order(sort: z.infer<typeof bundleList>["sort"], by: "asc" | "desc"): Prisma.BundleOrderByWithRelationInput {
  switch (sort) {
    case "name": return { nameKey: by };
    case "createdAt": return { createdAt: by };
    case "expiresAt": return { expiresAt: by };
  }
}
