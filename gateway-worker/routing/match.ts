/**
 * Which server a CONNECT target means: an exact match in the table of servers assigned to this gateway, or a refusal with its code.
 * Pure, no DNS: a refused target is refused before any look-up (S1-07, T01). Routing looks at the request target only (T03).
 */
import { canonicalHost, isIpv4, parseIpv6 } from "../../contract/names.ts";
import type { SnapshotServer } from "../../contract/snapshot.ts";

export type Route = {
  server: SnapshotServer;
  /** The host as requested, canonical; resolved when the server lists no address. */
  host: string;
  port: number;
};

export type RouteTable = {
  /** Servers by canonical host. Several servers may share a host on different ports. */
  byHost: Map<string, SnapshotServer[]>;
  byId: Map<string, SnapshotServer>;
};

export type Match = { kind: "route"; route: Route } | { kind: "refused"; code: "target-malformed" | "target-host" | "target-port" | "target-not-for-bundle"; detail: string };

export function buildRouteTable(servers: SnapshotServer[]): RouteTable {
  const byHost = new Map<string, SnapshotServer[]>();
  for (const server of servers) {
    for (const name of server.names) {
      const host = canonicalHost(name);
      if (host === undefined) continue;
      const known = byHost.get(host);
      if (known) known.push(server);
      else byHost.set(host, [server]);
    }
  }
  return { byHost, byId: new Map(servers.map((server) => [server.id, server])) };
}

/** Matches `host:port` as written in the request line. `isBundle`: the caller is an enrolment bundle, which reaches the agent site only. */
export function matchTarget(table: RouteTable, target: string, isBundle: boolean): Match {
  const parsed = parseTarget(target);
  if (parsed === undefined) return { kind: "refused", code: "target-malformed", detail: "the CONNECT target is not host:port" };
  const servers = parsed.host === undefined ? undefined : table.byHost.get(parsed.host);
  if (parsed.host === undefined || !servers) return { kind: "refused", code: "target-host", detail: `${target} is no server assigned to this gateway` };
  const server = servers.find((candidate) => candidate.ports.includes(parsed.port));
  if (!server) return { kind: "refused", code: "target-port", detail: `port ${parsed.port} is not a port of ${servers.map((candidate) => candidate.name).join(", ")}; its ports are ${servers.flatMap((candidate) => candidate.ports).join(", ")}` };
  return admit({ server, host: parsed.host, port: parsed.port }, isBundle);
}

/** The route of a direct listener: fixed server and port. */
export function matchDirect(table: RouteTable, serverId: string, port: number, isBundle: boolean): Match {
  const server = table.byId.get(serverId);
  const host = server?.names[0];
  if (!server || host === undefined) return { kind: "refused", code: "target-host", detail: "the listener's server is not assigned to this gateway" };
  if (!server.ports.includes(port)) return { kind: "refused", code: "target-port", detail: `port ${port} is not a port of ${server.name}` };
  return admit({ server, host, port }, isBundle);
}

/**
 * The agent site, when `serverName` is one of its names: its first port. Null (a client that dials an address sends no server name): the agent site that is known by an
 * address; gateways always have names. Undefined: the agent site is not meant.
 */
export function agentSiteOf(table: RouteTable, serverName: string | null): Match | undefined {
  const [host, server] = serverName === null ? siteByAddress(table) : siteByName(table, serverName);
  const port = server?.ports[0];
  return host === undefined || !server || port === undefined ? undefined : { kind: "route", route: { server, host, port } };
}

function siteByName(table: RouteTable, serverName: string): [string | undefined, SnapshotServer | undefined] {
  const host = canonicalHost(serverName);
  return [host, host === undefined ? undefined : table.byHost.get(host)?.find(({ isAgentSite }) => isAgentSite)];
}

function siteByAddress(table: RouteTable): [string | undefined, SnapshotServer | undefined] {
  for (const server of table.byId.values()) {
    const address = server.isAgentSite ? server.names.find((name) => isIpv4(name) || parseIpv6(name) !== undefined) : undefined;
    if (address !== undefined) return [canonicalHost(address), server];
  }
  return [undefined, undefined];
}

function admit(route: Route, isBundle: boolean): Match {
  if (isBundle && !route.server.isAgentSite) return { kind: "refused", code: "target-not-for-bundle", detail: `an enrolment bundle may not reach ${route.server.name}, only the agent site` };
  return { kind: "route", route };
}

/**
 * Splits `host:port` (RFC 9110 section 9.3.6, RFC 3986 section 3.2.2 without user information). Undefined: malformed, 400.
 * A host that is well-formed but can be no server of ours (`127.1`, an IPv6 zone) has `host` undefined: 403.
 */
export function parseTarget(target: string): { host: string | undefined; port: number } | undefined {
  const colon = target.lastIndexOf(":");
  const port = parsePort(target.slice(colon + 1));
  const host = target.slice(0, Math.max(colon, 0));
  if (port === undefined || host === "") return undefined;
  if (host.startsWith("[")) return parseBracketed(host, port);
  if (isIpv4(host)) return { host, port };
  if (!isRegisteredName(host)) return undefined;
  return { host: canonicalHost(host), port };
}

function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function parseBracketed(host: string, port: number): { host: string | undefined; port: number } | undefined {
  const match = /^\[([0-9A-Fa-f:.]+)(%25[0-9A-Za-z._~-]+)?\]$/.exec(host);
  if (!match?.[1] || parseIpv6(match[1]) === undefined) return undefined;
  return { host: match[2] === undefined ? canonicalHost(host) : undefined, port };
}

/** Letters, digits, hyphens and dots in labels of 1 to 63, 253 in all, one trailing dot allowed. Wider than a host name: it may look like a short IPv4. */
function isRegisteredName(host: string): boolean {
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return name.length <= 253 && name.split(".").every((label) => /^[0-9A-Za-z-]{1,63}$/.test(label));
}
