/** One site with its servers. */
import type { z } from "zod";
import type { siteDetail } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { siteColumns, toSiteRow } from "./list.ts";

const detailColumns = {
  ...siteColumns, note: true, version: true, updatedAt: true,
  servers: { select: { server: { select: { id: true, name: true, kind: true } } }, orderBy: { server: { nameKey: "asc" } } },
} as const;

export async function getSite(caller: Caller, input: { id: string }): Promise<z.infer<typeof siteDetail>> {
  const row = await caller.db.site.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: detailColumns });
  if (!row) throw notFound("site", input.id);
  return { ...toSiteRow(row), note: row.note, version: row.version, updatedAt: iso(row.updatedAt), servers: row.servers.map(({ server }) => server) };
}
