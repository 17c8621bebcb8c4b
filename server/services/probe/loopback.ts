/** Is an address this computer's own? */
import ipaddr from "ipaddr.js";

export function isLoopbackAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}
