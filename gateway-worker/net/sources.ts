/** A list of subnets that a peer may be in, such as the load balancers whose PROXY protocol headers are believed (T26). */
import net from "node:net";

/** `cidrs`: network address and prefix, as the contract's `cidr`. An IPv4-mapped IPv6 peer counts as IPv4. */
export function subnetList(cidrs: string[]): (address: string) => boolean {
  const list = new net.BlockList();
  for (const cidr of cidrs) {
    const [address = "", prefix = ""] = cidr.split("/");
    list.addSubnet(address, Number(prefix), net.isIPv6(address) ? "ipv6" : "ipv4");
  }
  return (address) => {
    const bare = address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/, "");
    return net.isIP(bare) !== 0 && list.check(bare, net.isIPv6(bare) ? "ipv6" : "ipv4");
  };
}
