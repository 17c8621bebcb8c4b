/** What a client is known by when its address keeps it on a member: the network its address lies in. */
import { isIpv4, parseIpv6 } from "../../contract/names.ts";

/** Bits of the address that count. */
export type SourceMask = { prefix4: number; prefix6: number };
/** The whole address counts. */
export const wholeAddress: SourceMask = { prefix4: 32, prefix6: 128 };

/** One spelling per network, such as `192.0.2.0/24` or `2001:db8:0:0/64`; an IPv4-mapped IPv6 address is IPv4. At most 64 characters; a text that is no address stands for itself. */
export function sourceKey(source: string, mask: SourceMask): string {
  // The usual case first: no parts to make when every bit counts.
  if (isIpv4(source)) return mask.prefix4 === 32 ? `${source}/32` : ipv4Key(source.split(".").map(Number), mask.prefix4);
  const groups = parseIpv6(source.replace(/%.*$/, ""));
  if (!groups) return source.slice(0, 64);
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? ipv4Key([high >> 8, high & 255, low >> 8, low & 255], mask.prefix4) : ipv6Key(groups, mask.prefix6);
}

function ipv4Key(octets: number[], prefix: number): string {
  return `${maskUnits(octets, 8, prefix).join(".")}/${prefix}`;
}
function ipv6Key(groups: number[], prefix: number): string {
  return `${maskUnits(groups, 16, prefix).slice(0, Math.ceil(prefix / 16)).map((group) => group.toString(16)).join(":")}/${prefix}`;
}

/** Clears all bits behind the first `prefix`. */
function maskUnits(units: number[], width: number, prefix: number): number[] {
  return units.map((unit, index) => {
    const kept = Math.min(Math.max(prefix - index * width, 0), width);
    return (unit >> (width - kept)) << (width - kept);
  });
}
