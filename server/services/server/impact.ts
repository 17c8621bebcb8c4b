/** What deleting a server would cut off. The agent site cannot be deleted: it is the installation's own management server. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";

export async function serverImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await serverWithImpact(caller.db, caller, input.id)).impact;
}

export async function serverWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; gatewayIds: string[]; impact: Impact }> {
  const server = await reader.server.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, isAgentSite: true, sites: { select: { site: { select: { name: true } } } }, gateways: { select: { gateway: { select: { id: true, name: true } } } } },
  });
  if (!server) throw notFound("server", id);
  const direct = await reader.gatewayListener.findMany({ where: { directServerId: id, gateway: { organisationId: caller.organisationId } }, select: { address: true, port: true, gateway: { select: { name: true } } } });
  const blockers = [
    ...(server.isAgentSite ? ["it is the agent site, the installation's own management server"] : []),
    ...direct.map((listener) => `listener ${listener.address}:${listener.port} of gateway "${listener.gateway.name}" leads straight to it; change that listener first`),
  ];
  const lines = [
    ...server.gateways.map(({ gateway }) => `gateway "${gateway.name}" stops forwarding to it; open tunnels to it end`),
    ...server.sites.map(({ site }) => `site "${site.name}" loses it`),
  ];
  return { name: server.name, gatewayIds: server.gateways.map(({ gateway }) => gateway.id), impact: impactOf({ lines: someLines(lines), blockers: someLines(blockers), undo: "Create the server again and assign it to the same sites and gateways." }) };
}
