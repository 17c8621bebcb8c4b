/** The rows beside a service's own: its gateways and its certificates in their order; and what a change sets in motion. */
import type { Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, publishLive } from "../change/publish.ts";

/** What was there before is replaced. */
export async function writeServiceParts(tx: Tx, serviceId: string, parts: { gatewayIds: readonly string[]; certificateIds: readonly string[] }): Promise<void> {
  await tx.virtualServiceGateway.deleteMany({ where: { serviceId, gatewayId: { notIn: [...parts.gatewayIds] } } });
  await tx.virtualServiceGateway.createMany({ data: parts.gatewayIds.map((gatewayId) => ({ serviceId, gatewayId })), skipDuplicates: true });
  await tx.virtualServiceCertificate.deleteMany({ where: { serviceId } });
  await tx.virtualServiceCertificate.createMany({ data: parts.certificateIds.map((certificateId, ordinal) => ({ serviceId, certificateId, ordinal })) });
}

/** Every gateway that has or had the service gets a new snapshot. */
export async function publishServiceChange(tx: Tx, caller: Caller, change: { id: string; gatewayIds: readonly string[] }): Promise<void> {
  await bumpGateways(tx, caller.organisationId, [...new Set(change.gatewayIds)]);
  await publishLive(tx, caller.organisationId, { topic: "virtualService", id: change.id });
}
