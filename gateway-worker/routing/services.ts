/**
 * Which virtual service a client of an address and port means: by its server name alone, exact before wildcard before the one that takes the rest.
 * Pure, no DNS: a name is only ever compared with the services' own (T29).
 */
import { canonicalHost } from "../../contract/names.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";

/** An address and port that virtual services listen on. */
export type Front = {
  /** `<address> <port>`, the address in canonical form. */
  key: string;
  /** As the services have it, to bind. */
  address: string;
  port: number;
  /** `tcp`: no TLS is expected, everything goes to the one service. `tls`: the ClientHello decides. */
  kind: "tcp" | "tls";
  /** Enabled services, in the snapshot's order; at least one. */
  services: SnapshotService[];
  exact: Map<string, SnapshotService>;
  /** By what stands behind `*.`; one label is taken, no more (RFC 9525 section 6.3). */
  wildcard: Map<string, SnapshotService>;
  noName: SnapshotService | undefined;
  unknownName: SnapshotService | undefined;
};

export type ServiceMatch = { kind: "service"; service: SnapshotService } | { kind: "refused"; code: "server-name-unknown" | "server-name-missing"; detail: string };

/** The fronts of all enabled services by `frontKey`. Where two services claim the same clients the first has them; `frontProblems` tells of it. */
export function buildFronts(services: readonly SnapshotService[]): Map<string, Front> {
  const fronts = new Map<string, Front>();
  for (const service of services.filter(({ isEnabled }) => isEnabled)) {
    const key = frontKey(service);
    const front = fronts.get(key) ?? newFront(key, service);
    fronts.set(key, front);
    addService(front, service);
  }
  return fronts;
}

/** One spelling per address and port. */
export function frontKey({ address, port }: { address: string; port: number }): string {
  return `${canonicalHost(address) ?? address} ${port}`;
}

/** `serverName`: as client-hello.ts reads it (lower-case, no trailing dot); null: none sent. */
export function matchService(front: Front, serverName: string | null): ServiceMatch {
  const [first] = front.services;
  if (front.kind === "tcp" && first) return { kind: "service", service: first };
  const service = serverName === null ? front.noName : (front.exact.get(serverName) ?? front.wildcard.get(behindFirstLabel(serverName)) ?? front.unknownName);
  if (service) return { kind: "service", service };
  if (serverName === null) return { kind: "refused", code: "server-name-missing", detail: `the client sent no server name; the services of port ${front.port} are reached by name` };
  return { kind: "refused", code: "server-name-unknown", detail: `no service of port ${front.port} has the server name ${serverName}` };
}

export type FrontProblem = { /** Index in `virtualServices`. */ index: number; field: "port" | "serverNames" | "takesNoName" | "takesUnknownNames" | "acceptProxy"; code: "service-name-taken" | "listener-taken" | "service-proxy-differs"; message: string };

/** Everything that keeps enabled services from sharing their addresses and ports, with each other and with the tunnel listeners. */
export function frontProblems({ virtualServices, listeners }: Pick<Snapshot, "virtualServices" | "listeners">): FrontProblem[] {
  const tunnels = new Set(listeners.map(frontKey));
  const earlier = new Map<string, SnapshotService[]>();
  return virtualServices.flatMap((service, index) => {
    if (!service.isEnabled) return [];
    const key = frontKey(service);
    const others = earlier.get(key) ?? [];
    earlier.set(key, [...others, service]);
    const taken = tunnels.has(key) ? [{ field: "port", code: "listener-taken", message: `${place(service)} is a tunnel listener; choose another port for ${service.name}` } as const] : [];
    return [...taken, ...others.flatMap((other) => clashes(service, other))].map((problem) => ({ index, ...problem }));
  });
}

type Clash = Omit<FrontProblem, "index">;

/** What keeps two services of one address and port apart. */
function clashes(service: SnapshotService, other: SnapshotService): Clash[] {
  if (service.mode === "tcp" || other.mode === "tcp") {
    const alone = service.mode === "tcp" ? service : other;
    return [{ field: "port", code: "service-name-taken", message: `${alone.name} forwards without looking for a server name, so it needs ${place(service)} alone; ${alone === service ? other.name : service.name} must use another port` }];
  }
  return [...nameClashes(service, other), ...proxyClash(service, other)];
}

function nameClashes(service: SnapshotService, other: SnapshotService): Clash[] {
  const own = new Set(other.serverNames);
  const found: Clash[] = service.serverNames.filter((name) => own.has(name)).map((name) => ({ field: "serverNames", code: "service-name-taken", message: `${other.name} already takes ${name} on ${place(service)}` }));
  if (takesNoName(service) && takesNoName(other)) found.push({ field: "takesNoName", code: "service-name-taken", message: `${other.name} already takes clients without a server name on ${place(service)}` });
  if (takesUnknown(service) && takesUnknown(other)) found.push({ field: "takesUnknownNames", code: "service-name-taken", message: `${other.name} already takes clients with unknown server names on ${place(service)}` });
  return found;
}

/** The header comes before the server name, so that it cannot depend on it. */
function proxyClash(service: SnapshotService, other: SnapshotService): Clash[] {
  if (proxyText(service) === proxyText(other)) return [];
  return [{ field: "acceptProxy", code: "service-proxy-differs", message: `${service.name} and ${other.name} share ${place(service)} and must accept PROXY protocol alike: the header comes before the server name` }];
}

function proxyText({ acceptProxy }: SnapshotService): string {
  return acceptProxy.kind === "off" ? "off" : [...new Set(acceptProxy.sources)].toSorted().join(" ");
}

function newFront(key: string, service: SnapshotService): Front {
  return { key, address: service.address, port: service.port, kind: service.mode === "tcp" ? "tcp" : "tls", services: [], exact: new Map(), wildcard: new Map(), noName: undefined, unknownName: undefined };
}

function addService(front: Front, service: SnapshotService): void {
  front.services.push(service);
  for (const name of service.serverNames) {
    const table = name.startsWith("*.") ? front.wildcard : front.exact;
    const key = name.startsWith("*.") ? name.slice(2) : name;
    if (!table.has(key)) table.set(key, service);
  }
  if (takesNoName(service)) front.noName ??= service;
  if (takesUnknown(service)) front.unknownName ??= service;
}

/** A service without server names takes every client (contract/virtual-service.ts). */
function takesNoName(service: SnapshotService): boolean {
  return service.takesNoName || service.serverNames.length === 0;
}
function takesUnknown(service: SnapshotService): boolean {
  return service.takesUnknownNames || service.serverNames.length === 0;
}

function behindFirstLabel(name: string): string {
  const dot = name.indexOf(".");
  return dot > 0 ? name.slice(dot + 1) : "";
}

function place({ address, port }: SnapshotService): string {
  return `${address} port ${port}`;
}
