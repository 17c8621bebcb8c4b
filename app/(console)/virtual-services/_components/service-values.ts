/** A virtual service as its form holds it: what a fresh one starts from, what an existing one becomes, and what of it is sent. */
import type { z } from "zod";
import { serviceCreate } from "@/contract/service-objects.ts";
import { serviceLimits } from "@/contract/virtual-service.ts";
import type { Outputs } from "@/app/_trpc/client.tsx";
import { freshPool } from "../../pools/_components/fresh-pool.ts";

export type ServiceValues = z.input<typeof serviceCreate>;
export type ServiceSettings = z.output<typeof serviceCreate>;
export type ServiceDetail = Outputs["virtualService"]["get"];

export const serviceLabels = {
  name: "Name", mode: "Mode", protocol: "Protocol", gatewayIds: "Gateways", address: "Address", port: "Port", serverNames: "Server names", stampName: "Stamp name", poolId: "Pool", pool: "New pool", certificateIds: "Certificates",
  clientCertificate: "Client certificates", persistence: "Persistence", memberTls: "TLS to members", memberHost: "Host field", acceptProxy: "PROXY protocol", sendProxy: "PROXY protocol to members", limits: "Limits", note: "Note",
};

export const freshService: ServiceValues = {
  name: "", isEnabled: true, address: "::", port: 443, serverNames: [], takesNoName: false, takesUnknownNames: false, mode: "tls-passthrough", protocol: "tcp", stampName: null, persistence: { kind: "none" },
  clientCertificate: { demand: "none", anchorsPem: [], forwards: false }, memberTls: { verify: { kind: "anchors", anchorsPem: [], name: null }, serverName: { kind: "client" } }, memberHost: { kind: "client" }, memberHttp: "1.1",
  forwardedHeaders: "x-forwarded", acceptProxy: { kind: "off" }, sendProxy: "off", gatewayIds: [], certificateIds: [], limits: {}, note: "", pool: freshPool,
};

/** The settings of a saved service, without what only an answer carries. */
export function serviceValues(service: ServiceDetail): ServiceValues {
  const { name, isEnabled, address, port, serverNames, takesNoName, takesUnknownNames, mode, protocol, stampName, persistence, clientCertificate, memberTls, memberHost, memberHttp, forwardedHeaders, acceptProxy, sendProxy, gatewayIds, certificateIds, limits, note } = service;
  return { name, isEnabled, address, port, serverNames, takesNoName, takesUnknownNames, mode, protocol, stampName, persistence, clientCertificate, memberTls, memberHost, memberHttp, forwardedHeaders, acceptProxy, sendProxy, gatewayIds, certificateIds, limits: ownLimits(limits), note, poolId: service.pool.id };
}

/** Limits that differ from the defaults: an answer may carry all of them. */
export function ownLimits(limits: ServiceDetail["limits"]): ServiceDetail["limits"] {
  const standard: Record<string, unknown> = serviceLimits.parse({});
  return Object.fromEntries(Object.entries(limits).filter(([key, value]) => value !== undefined && value !== standard[key]));
}

/** What is sent: empty lines dropped, and a pool without a name called after its service. */
export function tidied(values: ServiceValues): ServiceValues {
  const lines = (list: readonly string[] | undefined) => (list ?? []).map((line) => line.trim()).filter((line) => line !== "");
  const acceptProxy = values.acceptProxy?.kind === "required" ? { ...values.acceptProxy, sources: lines(values.acceptProxy.sources) } : values.acceptProxy;
  const pool = values.pool && values.pool.name.trim() === "" && values.name.trim() !== "" ? { ...values.pool, name: `${values.name.trim().slice(0, 72)} members` } : values.pool;
  return { ...values, serverNames: lines(values.serverNames), ...(acceptProxy ? { acceptProxy } : {}), ...(pool ? { pool } : {}) };
}

/** The settings when they are complete enough to be planned, with names for what is not named yet; null when a field does not fit. */
export function planned(values: ServiceValues): ServiceSettings | null {
  const parsed = serviceCreate.safeParse(tidied({ ...values, name: values.name.trim() === "" ? "New service" : values.name }));
  return parsed.success ? parsed.data : null;
}
