/** The recipe for the load balancer in front of a gateway: virtual server, pool of gateways, TCP monitor, no TLS termination (S0-01, S0-04). */
import type { z } from "zod";
import type { gatewaySheetInput, sheetReply } from "../../../contract/service-objects.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import type { GatewayFacts } from "../lint/facts.ts";
import { gatewayColumns, gatewayFactsOf } from "../lint/service-rows.ts";
import { formOfFront } from "./form.ts";
import { renderForm, renderSheet } from "./render.ts";
import type { Sheet, SheetMember } from "./sheet.ts";

/** Longer than a tunnel's own idle limit (15 minutes), so that the gateway ends a silent tunnel and not the balancer. */
const idleTimeoutMs = 3_600_000;
const gatewaysMax = 100;

/** The pool holds every gateway of the organisation that has a public name in common with this one. */
export async function gatewaySheet(caller: Caller, input: z.infer<typeof gatewaySheetInput>): Promise<z.infer<typeof sheetReply>> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId }, select: gatewayColumns, orderBy: [{ nameKey: "asc" }, { id: "asc" }] });
  const gateways = rows.map(gatewayFactsOf);
  const gateway = gateways.find((candidate) => candidate.id === input.id);
  if (!gateway) throw notFound("gateway", input.id);
  if (gateway.listeners.length === 0) throw new ConsoleError("input-invalid", `Gateway "${gateway.name}" has no tunnel listener; give it one first.`);
  const group = [gateway, ...gateways.filter((other) => other !== gateway && other.listeners.length > 0 && other.publicNames.some((name) => gateway.publicNames.includes(name)))].slice(0, gatewaysMax);
  const front = frontOf(gateway, group);
  const reply = input.format === "json" ? renderForm(front.name, formOfFront(front)) : renderSheet(front, input.format);
  return { ...reply, notes: [...notesOf(gateway, group), ...reply.notes] };
}

function frontOf(gateway: GatewayFacts, group: readonly GatewayFacts[]): Sheet {
  return {
    kind: "front", name: `Load balancer in front of ${gateway.name}`, address: "::", port: gateway.publicPort, serverNames: [], takesNoName: true, takesUnknownNames: true,
    mode: "tcp", protocol: "tcp", stampName: gateway.publicNames[0] ?? null, scheduling: "least-connections", failsBack: true, members: group.map(memberOf),
    healthCheck: { kind: "tcp", intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null }, persistence: { kind: "none" },
    memberTls: { verify: { kind: "off" }, serverName: { kind: "client" } }, memberHost: { kind: "client" }, forwardedHeaders: "none", clientCertificate: "none", acceptsProxy: false,
    sendProxy: group.every((member) => member.listeners[0]?.acceptProxy.kind === "required") ? "v2" : "off", connectTimeoutMs: 5_000, idleTimeoutMs, certificates: [], resolvesTo: null,
  };
}

/** The console knows a gateway's address only when its listener names one; else an address for documentation stands in for it (RFC 5737). */
function memberOf(gateway: GatewayFacts, index: number): SheetMember {
  const [listener] = gateway.listeners;
  return { name: gateway.name, host: known(gateway) ?? `192.0.2.${index + 1}`, port: listener?.port ?? gateway.publicPort, weight: 1, maxConnections: null, state: "enabled" };
}

function known(gateway: GatewayFacts): string | undefined {
  const address = gateway.listeners[0]?.address;
  return address === undefined || ["::", "0.0.0.0", "::1"].includes(address) || address.startsWith("127.") ? undefined : address;
}

function notesOf(gateway: GatewayFacts, group: readonly GatewayFacts[]): string[] {
  const standIns = group.flatMap((member, index) => (known(member) === undefined ? [`192.0.2.${index + 1} stands for the address of "${member.name}" as the balancer reaches it; replace it.`] : []));
  const mixed = new Set(group.map((member) => member.listeners[0]?.acceptProxy.kind)).size > 1;
  return [
    ...standIns,
    ...(mixed ? ["Some of these gateways demand PROXY protocol and others do not; set their listeners alike first."] : []),
    ...(gateway.isBehindLoadBalancer ? [] : [`Switch on "behind a load balancer" at gateway "${gateway.name}", so that its checks fit.`]),
    ...(group[0]?.listeners[0]?.acceptProxy.kind === "off" ? ["Without PROXY protocol the gateway sees the balancer's address for every agent; accept it on the listener from the balancer's addresses to see agents' own."] : []),
    "No HTTP profile, redirect or responder on this address: nothing but the gateway may answer.",
  ];
}
