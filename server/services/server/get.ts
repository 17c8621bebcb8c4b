/** One server with its sites, its gateways and what those found when they dialled it. */
import type { z } from "zod";
import type { serverDetail } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { serverColumns, toServerRow } from "./list.ts";

const detailColumns = {
  ...serverColumns, addresses: true, installCertificate: true, note: true, version: true, updatedAt: true,
  sites: { select: { site: { select: { id: true, name: true, kind: true } } }, orderBy: { site: { nameKey: "asc" } } },
  gateways: { select: { gateway: { select: { id: true, name: true } } }, orderBy: { gateway: { nameKey: "asc" } } },
  reach: { select: { gateway: { select: { id: true, name: true } }, isReachable: true, detail: true, checkedAt: true }, orderBy: { gateway: { nameKey: "asc" } } },
} as const;

export async function getServer(caller: Caller, input: { id: string }): Promise<z.infer<typeof serverDetail>> {
  const row = await caller.db.server.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: detailColumns });
  if (!row) throw notFound("server", input.id);
  return {
    ...toServerRow(row),
    addresses: row.addresses, installCertificate: row.installCertificate, note: row.note, version: row.version, updatedAt: iso(row.updatedAt),
    sites: row.sites.map(({ site }) => site),
    gateways: row.gateways.map(({ gateway }) => gateway),
    reach: row.reach.map((entry) => ({ gateway: entry.gateway, isReachable: entry.isReachable, detail: entry.detail, checkedAt: iso(entry.checkedAt) })),
  };
}
