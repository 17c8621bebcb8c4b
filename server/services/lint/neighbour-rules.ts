/** Listeners and what stands before and behind a service: tunnel gateways as members, loops, PROXY protocol, shared ports (S0-01 to S0-03, section "neighbours" of the design). */
import type { Finding } from "../../../contract/finding.ts";
import { canonicalHost } from "../../../contract/names.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import type { GatewayFacts, ListenerFacts, MemberFacts, ServiceFacts, Surroundings } from "./facts.ts";
import { type Clash, clashWithListener, clashWithService } from "../virtual-service/fronts.ts";
import { findingOf, onService } from "./report.ts";

export function neighbourFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  return [...placeFindings(service), ...protocolFindings(service), ...sharedPortFindings(service, around), ...loopFindings(service, around), ...tunnelFindings(service, around), ...publicNameFindings(service, around), ...clientAddressFindings(service)];
}

function placeFindings(service: ServiceFacts): Finding[] {
  if (service.gatewayIds.length > 0) return [];
  return [findingOf(onService(service), { code: "service-on-no-gateway", severity: service.isEnabled ? "warning" : "note", field: "gatewayIds", sentence: `No gateway serves "${service.name}".`, cure: "Choose the gateways that clients reach." })];
}

function protocolFindings(service: ServiceFacts): Finding[] {
  if (service.protocol !== "http") return [];
  if (service.mode === "tls-passthrough") return [findingOf(onService(service), { code: "http-needs-decryption", severity: "error", field: "protocol", sentence: `"${service.name}" passes TLS through and cannot read HTTP in it.`, cure: "Choose protocol TCP, or switch the mode to off-load or re-encrypt." })];
  if (service.mode === "tcp") return [findingOf(onService(service), { code: "plain-http-service", severity: "warning", field: "mode", sentence: `"${service.name}" serves HTTP without TLS: passwords and cookies can be read on the way.`, cure: "Off-load TLS here, or re-encrypt, unless nothing secret passes." })];
  return [];
}

/** Two services, or a service and a tunnel listener, that want the same clients. Saving refuses the same. */
function sharedPortFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  if (!service.isEnabled) return [];
  const mine = { ...service, id: service.id ?? "" };
  const gateways = around.gateways.filter((gateway) => service.gatewayIds.includes(gateway.id));
  const others = around.services.filter((other) => other.isEnabled && other.gatewayIds.some((id) => service.gatewayIds.includes(id)));
  const clashes = [
    ...gateways.flatMap((gateway) => gateway.listeners.flatMap((listener) => clashOn(gateway.name, clashWithListener(mine, listener)))),
    ...others.flatMap((other) => clashOn(null, clashWithService(mine, { ...other, id: other.id ?? "" }))),
  ];
  return clashes.map(({ code, field, sentence }) => findingOf(onService(service), { code, severity: "error", field, sentence, cure: code === "service-name-taken" ? "Give each service of a port names of its own; only one may take the rest." : "Choose another port or address. To share the public port with a tunnel listener, move the listener to another port and make it a member of a pass-through service." }));
}

type FoundClash = { code: "service-name-taken" | "listener-taken"; field: string; sentence: string };

function clashOn(gateway: string | null, clash: Clash | undefined): FoundClash[] {
  if (!clash) return [];
  const sentence = `${gateway === null ? "" : `On gateway "${gateway}", `}${clash.message}.`;
  return [{ code: clash.code === "service-name-taken" ? "service-name-taken" : "listener-taken", field: clash.field, sentence: `${sentence[0]?.toUpperCase() ?? ""}${sentence.slice(1)}` }];
}

const wildcards: ReadonlySet<string> = new Set(["0.0.0.0", "0:0:0:0:0:0:0:0"]);

function isLoopback(host: string): boolean {
  const canonical = canonicalHost(host) ?? host;
  return canonical === "localhost" || canonical.startsWith("127.") || canonical === "0:0:0:0:0:0:0:1";
}

/** A member that is the service itself: each connection would open another one. */
function loopFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  const gateways = around.gateways.filter((gateway) => service.gatewayIds.includes(gateway.id));
  return service.pool.members.flatMap((member, index) => {
    if (member.port !== service.port) return [];
    const own = canonicalHost(service.address) ?? service.address;
    const host = canonicalHost(member.host) ?? member.host;
    const isOwn = (wildcards.has(own) ? isLoopback(host) : host === own) || gateways.some((gateway) => gateway.publicNames.includes(host) && gateway.publicPort === member.port && !gateway.listeners.some((listener) => listener.port === member.port));
    if (!isOwn) return [];
    return [findingOf(onService(service), { code: "member-is-own-listener", severity: "error", field: `pool.members[${index}].host`, sentence: `Member ${member.name} (${member.host} port ${member.port}) is "${service.name}" itself: every connection would open another one.`, cure: "Enter the address of the server that does the work." })];
  });
}

/** The tunnel listener of ours that a member is, as far as its name, address and port tell. */
export function tunnelBehind(member: Pick<MemberFacts, "host" | "port">, around: Pick<Surroundings, "gateways">, gatewayIds: readonly string[]): { gateway: GatewayFacts; listener: ListenerFacts } | undefined {
  const host = canonicalHost(member.host) ?? member.host;
  for (const gateway of around.gateways) {
    for (const listener of gateway.listeners) {
      const address = canonicalHost(listener.address) ?? listener.address;
      const byName = gateway.publicNames.includes(host) && (member.port === listener.port || member.port === gateway.publicPort);
      const byAddress = member.port === listener.port && !wildcards.has(address) && !isLoopback(address) && address === host;
      const byLoopback = member.port === listener.port && isLoopback(host) && gatewayIds.includes(gateway.id) && (wildcards.has(address) || isLoopback(address));
      if (byName || byAddress || byLoopback) return { gateway, listener };
    }
  }
  return undefined;
}

/** Agents pin the tunnel gateway's own certificate: whatever ends TLS in front of it breaks every one of them (S0-03, S0-12). */
function tunnelFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  return service.pool.members.flatMap((member, index) => {
    const found = tunnelBehind(member, around, service.gatewayIds);
    if (!found) return [];
    const { gateway, listener } = found;
    const field = `pool.members[${index}]`;
    const object = onService(service);
    const expects = listener.acceptProxy.kind === "required";
    return [
      ...(endsTls(service.mode) ? [findingOf(object, { code: "decryption-before-tunnel", severity: "error", field: "mode", sentence: `Member ${member.name} is the tunnel listener of gateway "${gateway.name}": agents accept only that gateway's own certificate, and "${service.name}" would answer TLS in its place.`, cure: "Switch the mode to pass-through." })] : []),
      ...(expects && service.sendProxy === "off" ? [findingOf(object, { code: "proxy-header-not-sent", severity: "error", field: "sendProxy", sentence: `Gateway "${gateway.name}" (member ${member.name}) demands a PROXY protocol header, and "${service.name}" sends none: every agent is refused.`, cure: "Send PROXY protocol v2 to the members, or switch it off on the gateway's listener." })] : []),
      ...(!expects && service.sendProxy !== "off" ? [findingOf(object, { code: "proxy-header-not-expected", severity: "error", field, sentence: `"${service.name}" sends a PROXY protocol header, and gateway "${gateway.name}" (member ${member.name}) does not accept one: it sees no TLS and refuses every agent.`, cure: "Accept PROXY protocol from this gateway's addresses on the member's listener, or send none." })] : []),
    ];
  });
}

/** A service that takes agents' gateway name and answers TLS itself. */
function publicNameFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  if (!endsTls(service.mode)) return [];
  const taken = around.knownNames.filter((known) => known.port === service.port && known.agents > 0 && service.serverNames.includes(known.name.toLowerCase()));
  return taken.slice(0, 1).map((known) => findingOf(onService(service), { code: "decryption-before-tunnel", severity: "error", field: "mode", sentence: `Agents look for their gateway under ${known.name} port ${known.port}; "${service.name}" takes that name and would answer TLS in its place.`, cure: "Switch the mode to pass-through with the tunnel gateways as members, or use another name." }));
}

function clientAddressFindings(service: ServiceFacts): Finding[] {
  if (service.sendProxy === "off" || service.protocol !== "http" || service.forwardedHeaders === "none") return [];
  return [findingOf(onService(service), { code: "proxy-header-both", severity: "note", field: "sendProxy", sentence: `Members of "${service.name}" are told the client's address twice: by PROXY protocol and by a header field. With connections reused for several clients, only the header field is right for each request.`, cure: "Send one of them; for HTTP members the header field is enough." })];
}
