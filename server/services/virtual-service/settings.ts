/** A virtual service between its row and the contract: some fields have columns of their own, because lists and rules ask for them; the rest is one JSON value. */
import { z } from "zod";
import type { ServiceSettings } from "../../../contract/service-objects.ts";
import { serviceFields, serviceLimits } from "../../../contract/virtual-service.ts";
import type { Prisma } from "../../db.ts";
import { nameKey } from "../object/write.ts";

const fields = z.strictObject(serviceFields);
export type ServiceFields = z.infer<typeof fields>;

export const settingsColumns = { name: true, isEnabled: true, address: true, port: true, serverNames: true, mode: true, protocol: true, stampName: true, settings: true } as const satisfies Prisma.VirtualServiceSelect;
type Row = Prisma.VirtualServiceGetPayload<{ select: typeof settingsColumns }>;

/** Throws when a row holds what the contract does not know: nothing but the console writes them. */
export function serviceFieldsOf(row: Row): ServiceFields {
  const { name, isEnabled, address, port, serverNames, mode, protocol, stampName, settings } = row;
  return fields.parse({ ...(settings as object), name, isEnabled, address, port, serverNames, mode, protocol, stampName });
}

/** The service's own columns as Prisma takes them. */
export function serviceData(input: Omit<ServiceSettings, "poolId"> & { poolId: string }) {
  const { gatewayIds: _gatewayIds, certificateIds: _certificateIds, poolId, limits, note, ...all } = input;
  const { name, isEnabled, address, port, serverNames, mode, protocol, stampName, ...settings } = all;
  return { name, nameKey: nameKey(name), isEnabled, address, port, serverNames, mode, protocol, stampName, settings, limits, note, poolId };
}

/** All limits; those that nobody set have their defaults. */
export function limitsOf(stored: unknown): z.infer<typeof serviceLimits> {
  return serviceLimits.parse(stored ?? {});
}
