/** Fills the form of a virtual service from a preset; nothing is saved. */
import type { z } from "zod";
import { fqdn } from "../../../contract/names.ts";
import { presetReply } from "../../../contract/service-objects.ts";
import { proxyProtocolAccept } from "../../../contract/virtual-service.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { type PresetInput, presets, type TunnelGateway } from "./presets.ts";

const gatewaysMax = 50;

export async function fillPreset(caller: Caller, input: PresetInput): Promise<z.infer<typeof presetReply>> {
  const stampName = stampOf(input.stampName);
  await demandOwn(caller, input);
  const { service, pool, reasons } = presets[input.preset].fillIn({ ...input, stampName }, await tunnelGateways(caller));
  const { name, gatewayIds, certificateIds } = input;
  return presetReply.parse({ service: { name, gatewayIds, certificateIds, ...service, pool: { name: `${name} servers`.slice(0, 80), members: input.members, ...pool } }, reasons });
}

function stampOf(text: string | null): string | null {
  if (text === null || text.trim() === "") return null;
  const parsed = fqdn.safeParse(text);
  if (parsed.success) return parsed.data;
  const message = parsed.error.issues[0]?.message ?? "not a name";
  throw new ConsoleError("input-invalid", message, { fields: [{ path: "stampName", message }] });
}

async function demandOwn(caller: Caller, input: PresetInput): Promise<void> {
  const { organisationId } = caller;
  const gateways = await caller.db.gateway.findMany({ where: { organisationId, id: { in: input.gatewayIds } }, select: { id: true } });
  const gateway = input.gatewayIds.find((id) => !gateways.some((row) => row.id === id));
  if (gateway !== undefined) throw notFound("gateway", gateway);
  const certificates = await caller.db.certificate.findMany({ where: { organisationId, id: { in: input.certificateIds } }, select: { id: true } });
  const certificate = input.certificateIds.find((id) => !certificates.some((row) => row.id === id));
  if (certificate !== undefined) throw notFound("certificate", certificate);
}

async function tunnelGateways(caller: Caller): Promise<TunnelGateway[]> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, listeners: { some: {} } }, select: { id: true, name: true, publicNames: true, listeners: { orderBy: { ordinal: "asc" }, take: 1, select: { port: true, acceptProxy: true } } }, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: gatewaysMax });
  return rows.flatMap((row) => {
    const [host] = row.publicNames;
    const [listener] = row.listeners;
    const accept = proxyProtocolAccept.safeParse(listener?.acceptProxy);
    return host === undefined || !listener ? [] : [{ id: row.id, name: row.name, host, port: listener.port, demandsProxy: accept.success && accept.data.kind === "required" }];
  });
}
