/** Where a request came from. Only the console's own HTTP server knows the peer's address; it writes it into one header that a client cannot set. */
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { env } from "../env.ts";

/** Set by `stampSource` for every request; whatever a client sends under this name is thrown away. */
export const sourceHeader = "x-sallyport-source";
/** Random per request; links log lines, audit rows and error answers. */
export const requestIdHeader = "x-sallyport-request";
/** Hops of X-Forwarded-For that are looked at. */
const hopsMax = 20;

/**
 * Replaces the source and request id headers of a request that came in over a socket. The HTTP server calls it before anything else reads the headers,
 * so that guessing limits and the audit see the real peer (T35).
 */
export function stampSource(request: IncomingMessage): void {
  const forwarded = request.headers["x-forwarded-for"];
  request.headers[sourceHeader] = clientAddress(request.socket.remoteAddress ?? "unknown", Array.isArray(forwarded) ? forwarded.join(",") : forwarded, trusted());
  request.headers[requestIdHeader] = crypto.randomUUID();
}

/**
 * The client's address: the peer itself, unless it is a trusted proxy; then the last hop of X-Forwarded-For that is none. What stands left of that was written
 * by the client and is not believed.
 */
export function clientAddress(peer: string, forwardedFor: string | undefined, proxies: BlockList): string {
  let address = plainAddress(peer);
  const hops = (forwardedFor ?? "").split(",").map((hop) => plainAddress(hop.trim())).slice(-hopsMax);
  while (isTrusted(address, proxies)) {
    const hop = hops.pop();
    if (hop === undefined || isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}

/** Addresses and subnets as one list. */
export function proxyList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

let cached: BlockList | undefined;

function trusted(): BlockList {
  cached ??= proxyList(env().SALLYPORT_TRUSTED_PROXIES);
  return cached;
}

function isTrusted(address: string, proxies: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && proxies.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** The client's address; null when no HTTP server of ours stamped the request. */
export function sourceOf(headers: Headers): string | null {
  return headers.get(sourceHeader);
}

export function requestIdOf(headers: Headers): string {
  return headers.get(requestIdHeader) ?? crypto.randomUUID();
}

function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
