/** A service with everything that people set on it, as the contract has it. */
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { limitsOf, serviceFieldsOf, settingsColumns } from "./settings.ts";

export const wholeColumns = {
  ...settingsColumns, limits: true, note: true, poolId: true,
  gateways: { select: { gatewayId: true }, orderBy: { gateway: { nameKey: "asc" } } },
  certificates: { select: { certificateId: true }, orderBy: { ordinal: "asc" } },
} as const;

/** Throws `not-found`. */
export async function readService(reader: Db | Tx, caller: Caller, id: string) {
  const row = await reader.virtualService.findFirst({ where: { id, organisationId: caller.organisationId }, select: wholeColumns });
  if (!row) throw notFound("virtual service", id);
  const { gateways, certificates, limits, note, poolId } = row;
  return { ...serviceFieldsOf(row), limits: limitsOf(limits), note, poolId, gatewayIds: gateways.map((gateway) => gateway.gatewayId), certificateIds: certificates.map((certificate) => certificate.certificateId) };
}
