/**
 * The site an agent counts to: the one its relay is tied to, else the intranet site with the narrowest subnet that holds one of its addresses, else the
 * internet site. Equal addresses behind two relays are told apart by the first of these (N9).
 */
import ipaddr from "ipaddr.js";
import { relayHop } from "../../../contract/channel.ts";
import type { Db, Tx } from "../../db.ts";

export type SiteRef = { id: string; name: string };
export type PlacedAgent = { addresses: readonly string[]; relayPath: unknown };
type Subnet = { network: ipaddr.IPv4 | ipaddr.IPv6; prefix: number; site: SiteRef };
export type SiteMap = { siteOfRelay: ReadonlyMap<string, SiteRef>; subnets: readonly Subnet[]; internet: SiteRef | null };

/** Sites and relays of the organisation, in two queries however many agents are asked about. */
export async function readSiteMap(reader: Db | Tx, organisationId: string): Promise<SiteMap> {
  const sites = await reader.site.findMany({ where: { organisationId }, select: { id: true, name: true, kind: true, subnets: true }, orderBy: [{ nameKey: "asc" }] });
  const relays = await reader.relay.findMany({ where: { organisationId, siteId: { not: null } }, select: { id: true, site: { select: { id: true, name: true } } } });
  const intranet = sites.filter((site) => site.kind === "intranet");
  const internet = sites.find((site) => site.kind === "internet");
  return {
    siteOfRelay: new Map(relays.flatMap((relay) => (relay.site ? [[relay.id, relay.site] as const] : []))),
    subnets: intranet.flatMap((site) => site.subnets.flatMap((text) => readSubnet(text, { id: site.id, name: site.name }))).sort((a, b) => b.prefix - a.prefix),
    internet: internet ? { id: internet.id, name: internet.name } : null,
  };
}

/** The agent's site; null when the organisation has none that fits. */
export function siteOf(map: SiteMap, agent: PlacedAgent): SiteRef | null {
  for (const hop of relayPathOf(agent.relayPath).toReversed()) {
    const site = map.siteOfRelay.get(hop.relayId);
    if (site) return site;
  }
  const addresses = agent.addresses.flatMap((text) => (ipaddr.isValid(text) ? [ipaddr.process(text)] : []));
  return map.subnets.find((subnet) => addresses.some((address) => holds(subnet, address)))?.site ?? map.internet;
}

/** The stored path through relays, from the gateway towards the agent; one that cannot be read counts as none. */
export function relayPathOf(stored: unknown): { relayId: string; name: string }[] {
  const parsed = relayHop.array().safeParse(stored);
  return parsed.success ? parsed.data : [];
}

function readSubnet(text: string, site: SiteRef): Subnet[] {
  if (!ipaddr.isValidCIDR(text)) return [];
  const [network, prefix] = ipaddr.parseCIDR(text);
  return [{ network, prefix, site }];
}

/** An IPv4 network never holds an IPv6 address, nor the other way about. */
function holds(subnet: Subnet, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const { network, prefix } = subnet;
  if (network instanceof ipaddr.IPv4) return address instanceof ipaddr.IPv4 && address.match(network, prefix);
  return address instanceof ipaddr.IPv6 && address.match(network, prefix);
}
