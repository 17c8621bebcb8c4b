/** What a new organisation has from the start: two default sites and the management server, which is the installation's own agent site (S1-16, S1-35). */
import type { Tx } from "../../db.ts";

export const defaultSiteNames = { intranet: "Default intranet site", internet: "Default internet site" } as const;
export const managementServerName = "Management server";

/** Makes the default sites and the management server. Its address is listed: it is on this machine, and a name that resolves to the loopback would not be dialled (T02). */
export async function createDefaults(tx: Tx, organisation: { id: string; agentSiteNames: string[]; agentSitePort: number }): Promise<void> {
  const organisationId = organisation.id;
  const sites = await Promise.all((["intranet", "internet"] as const).map((kind) => tx.site.create({ data: { organisationId, name: defaultSiteNames[kind], nameKey: defaultSiteNames[kind].toLowerCase(), kind, subnets: [] }, select: { id: true, kind: true } })));
  const server = await tx.server.create({
    data: {
      organisationId, name: managementServerName, nameKey: managementServerName.toLowerCase(), kind: "management", isAgentSite: true,
      names: organisation.agentSiteNames, ports: [organisation.agentSitePort], addresses: ["127.0.0.1"],
    },
    select: { id: true },
  });
  await tx.serverSite.createMany({ data: sites.filter((site) => site.kind === "intranet").map((site) => ({ serverId: server.id, siteId: site.id })) });
}
