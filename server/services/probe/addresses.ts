/**
 * Which addresses the console dials when it checks something. Only names of configured servers and gateways get here, never text of a request; a name that
 * resolves to this machine or to link-local (cloud metadata) is not dialled unless that is what was configured.
 */
import dns from "node:dns/promises";
import ipaddr from "ipaddr.js";

export type Resolved = { kind: "found"; addresses: string[]; isPublic: boolean } | { kind: "failed"; detail: string };

/** Longest wait for a name, an answer, or a handshake, ms. */
export const probeTimeoutMs = 3_000;

/** Addresses to dial for `host`: the listed ones when there are any, else what the name resolves to, within the rules. */
export async function addressesOf(host: string, listed: readonly string[] = []): Promise<Resolved> {
  if (listed.length > 0) return { kind: "found", addresses: [...listed], isPublic: listed.some(isPublicAddress) };
  const found = ipaddr.isValid(host) ? [host] : await lookup(host);
  if (!Array.isArray(found)) return found;
  const allowed = found.filter((address) => mayDial(host, address));
  if (allowed.length === 0) return { kind: "failed", detail: `${host} resolves to ${found.join(", ")}, which is never dialled; list the address on the server if it is meant` };
  return { kind: "found", addresses: allowed.slice(0, 8), isPublic: allowed.some(isPublicAddress) };
}

async function lookup(host: string): Promise<string[] | Extract<Resolved, { kind: "failed" }>> {
  const late = new Promise<never>((_resolve, reject) => setTimeout(() => reject(new Error("no answer in time")), probeTimeoutMs).unref());
  try {
    const entries = await Promise.race([dns.lookup(host, { all: true, order: "verbatim" }), late]);
    return [...new Set(entries.map((entry) => entry.address))];
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : error instanceof Error ? error.message : "unknown";
    return { kind: "failed", detail: `${host} does not resolve here (${code})` };
  }
}

function mayDial(host: string, address: string): boolean {
  const range = ipaddr.process(address).range();
  if (range === "loopback") return host === "localhost" || host === address;
  return range !== "linkLocal" && range !== "unspecified" && range !== "multicast" && range !== "broadcast";
}

/** True for an address that the Internet routes. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "unicast";
}
