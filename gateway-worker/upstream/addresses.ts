/**
 * Which addresses may be dialled. A name that resolves to the gateway itself, to loopback or to a link-local address (cloud metadata)
 * is refused unless the server lists that address: a rebinding DNS answer must not open the gateway's own ports (T02).
 */
import os from "node:os";
import { isIpv4, parseIpv6 } from "../../contract/names.ts";

/** Why the address is never dialled, or undefined when it may be. `own`: canonical addresses of this machine. */
export function forbiddenAddress(address: string, own: Set<string>): string | undefined {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) return `${address} is no IP address`;
  const kind = isIpv4(canonical) ? ipv4Kind(canonical) : ipv6Kind(canonical);
  if (kind !== undefined) return `${address} is a ${kind} address`;
  return own.has(canonical) ? `${address} is an address of the gateway itself` : undefined;
}

/** One spelling per address; an IPv4-mapped or -compatible IPv6 address is its IPv4 address. Undefined when it is none. */
export function canonicalAddress(address: string): string | undefined {
  if (isIpv4(address)) return address;
  const groups = parseIpv6(address.replace(/%.*$/, ""));
  if (!groups) return undefined;
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && (groups[5] === 0xffff || (groups[5] === 0 && high !== 0));
  return isMapped ? `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}` : groups.map((group) => group.toString(16)).join(":");
}

/** The addresses of this machine's interfaces, canonical. */
export function ownAddresses(): Set<string> {
  const found = new Set<string>();
  for (const list of Object.values(os.networkInterfaces())) {
    for (const { address } of list ?? []) {
      const canonical = canonicalAddress(address);
      if (canonical !== undefined) found.add(canonical);
    }
  }
  return found;
}

function ipv4Kind(address: string): string | undefined {
  const [a = 0, b = 0] = address.split(".").map(Number);
  if (a === 127) return "loopback";
  if (a === 0) return "unspecified";
  if (a === 169 && b === 254) return "link-local";
  if (a >= 224) return "multicast or reserved";
  return undefined;
}

function ipv6Kind(address: string): string | undefined {
  const first = Number.parseInt(address.slice(0, address.indexOf(":")), 16);
  if (address === "0:0:0:0:0:0:0:1") return "loopback";
  if (address === "0:0:0:0:0:0:0:0") return "unspecified";
  if (first >= 0xfe80 && first <= 0xfebf) return "link-local";
  if (first >= 0xff00) return "multicast";
  return undefined;
}
