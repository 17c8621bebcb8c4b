/** One virtual service: what is set, what each gateway says of it, its pool with members and shares, its certificates. */
import type { z } from "zod";
import type { serviceDetail } from "../../../contract/service-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { findingsOfServiceId } from "../lint/run.ts";
import { iso } from "../object/list.ts";
import { getPool } from "../pool/get.ts";
import { tallyServices } from "../pool/tally.ts";
import { serviceColumns, toServiceRow } from "./list.ts";
import { connectionsOf } from "./loads.ts";
import { wholeColumns } from "./read.ts";
import { limitsOf, serviceFieldsOf } from "./settings.ts";
import { listeningOf } from "./state.ts";

const detailColumns = {
  ...serviceColumns, ...wholeColumns, version: true, updatedAt: true, gateways: serviceColumns.gateways,
  certificates: { select: { certificate: { select: { id: true, name: true, subject: true, fingerprint: true, names: true, notAfter: true } } }, orderBy: { ordinal: "asc" } },
} as const;

export async function getService(caller: Caller, input: { id: string }): Promise<z.infer<typeof serviceDetail>> {
  const row = await caller.db.virtualService.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: detailColumns });
  if (!row) throw notFound("virtual service", input.id);
  const [tallies, connections, poolDetail, findings] = await Promise.all([
    tallyServices(caller.db, caller.organisationId, [row.id]), connectionsOf(caller.db, caller.organisationId, [row.id]), getPool(caller, { id: row.poolId }), findingsOfServiceId(caller, row.id),
  ]);
  const listed = toServiceRow(row, { tallies: tallies.get(row.id) ?? [], connections: connections.get(row.id) ?? 0 });
  return {
    ...listed, ...serviceFieldsOf(row), poolDetail, limits: limitsOf(row.limits), note: row.note, version: row.version, updatedAt: iso(row.updatedAt),
    certificates: row.certificates.map(({ certificate: { id, name, subject, fingerprint, names, notAfter } }) => ({ id, name: name || subject, fingerprint, names, notAfter: iso(notAfter) })),
    certificateIds: row.certificates.map(({ certificate }) => certificate.id), gatewayIds: row.gateways.map(({ gateway }) => gateway.id),
    listeners: row.gateways.map(({ gateway }) => listeningOf(row, gateway)), findings,
  };
}
