/** Addresses as they are counted and compared. */
import ipaddr from "ipaddr.js";

/** An IPv6 address with all its digits, as session rows hold it; other text unchanged. */
export function fullAddress(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address;
  return ipaddr.IPv6.parse(address).parts.map((part) => part.toString(16).padStart(4, "0")).join(":");
}

/** What a source is counted by: an IPv4 address, or an IPv6 /64, since a client there chooses among 2^64 addresses. */
export function networkOf(address: string): string {
  return ipaddr.IPv6.isValid(address) ? fullAddress(address).split(":").slice(0, 4).join(":") : address;
}
