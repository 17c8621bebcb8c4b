/** Rules of servers that hold whichever side an assignment is made from. */
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";

/** "Do not add the notification server to Internet Sites" (S1-42). */
export async function demandNoInternetSite(tx: Tx, caller: Caller, server: { name: string; kind: "management" | "site"; siteIds: readonly string[] }): Promise<void> {
  if (server.kind === "site" || server.siteIds.length === 0) return;
  const sites = await tx.site.findMany({ where: { organisationId: caller.organisationId, id: { in: [...server.siteIds] }, kind: "internet" }, select: { id: true, name: true } });
  const [site] = sites;
  if (!site) return;
  throw new ConsoleError("management-server-in-internet-site", `Management server "${server.name}" may not be assigned to internet site "${site.name}"; assign site servers there instead, and reach the management server through a gateway.`, {
    fields: [{ path: `siteIds.${server.siteIds.indexOf(site.id)}`, message: `"${site.name}" is an internet site` }],
  });
}

/** A CONNECT target must mean one server: refuses two servers with the same name and port on one of these gateways. */
export async function demandUnambiguousTargets(tx: Tx, caller: Caller, gatewayIds: readonly string[], path: string): Promise<void> {
  if (gatewayIds.length === 0) return;
  const rows = await tx.gatewayServer.findMany({
    where: { gatewayId: { in: [...gatewayIds] }, gateway: { organisationId: caller.organisationId } },
    select: { gatewayId: true, gateway: { select: { name: true } }, server: { select: { name: true, names: true, ports: true } } },
    orderBy: [{ gatewayId: "asc" }, { server: { createdAt: "asc" } }],
  });
  const owners = new Map<string, string>();
  for (const { gatewayId, gateway, server } of rows) {
    for (const target of server.names.flatMap((name) => server.ports.map((port) => `${name}:${port}`))) {
      const owner = owners.get(`${gatewayId} ${target}`);
      if (owner !== undefined && owner !== server.name) {
        throw new ConsoleError("input-invalid", `${target} would mean both server "${owner}" and server "${server.name}" on gateway "${gateway.name}"; give one of them another name or port.`, { fields: [{ path, message: `${target} already belongs to "${owner}"` }] });
      }
      owners.set(`${gatewayId} ${target}`, server.name);
    }
  }
}
