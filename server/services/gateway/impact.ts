/** What deleting a gateway would cut off. Refused while policies name it. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { liveChannelWhere } from "../channel/locate.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { agentsCutOff } from "../policy/coverage.ts";

export async function gatewayImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await gatewayWithImpact(caller.db, caller, input.id)).impact;
}

export async function gatewayWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const gateway = await reader.gateway.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, enrolledAt: true, services: { where: { service: { isEnabled: true } }, select: { service: { select: { name: true } } }, orderBy: { service: { nameKey: "asc" } } }, policies: { select: { policy: { select: { name: true } } }, distinct: ["policyId"], orderBy: { policyId: "asc" } } },
  });
  if (!gateway) throw notFound("gateway", id);
  const tunnels = await reader.tunnel.count({ where: { organisationId: caller.organisationId, gatewayId: id, endedAt: null } });
  const blockers = gateway.policies.map(({ policy }) => `policy "${policy.name}" uses it; take the gateway out of the policy first`);
  const wayBack = await wayBackOf(reader, caller.organisationId, id);
  const lines = [
    ...someLines(gateway.services.map(({ service }) => `virtual service "${service.name}" is no longer served by it`), 10),
    ...(gateway.enrolledAt ? ["the installed gateway loses its identity; it cannot reconnect without a new package"] : []),
    ...(tunnels > 0 ? [`${tunnels} open ${tunnels === 1 ? "tunnel" : "tunnels"} through it are no longer supervised`] : []),
    ...wayBack,
  ];
  const agentsAffected = await agentsCutOff(reader, caller.organisationId, { gatewayIds: [id] });
  return { name: gateway.name, impact: impactOf({ agentsAffected, lines, blockers: someLines(blockers), alwaysConfirm: gateway.services.length > 0, undo: "It cannot be undone: make a new gateway and install its package; its pin will differ." }) };
}

/** What comes the other way through it: channels, sessions, relays. */
async function wayBackOf(reader: Db | Tx, organisationId: string, id: string): Promise<string[]> {
  const channels = await reader.agentChannel.count({ where: { ...liveChannelWhere(organisationId, new Date()), gatewayId: id } });
  const sessions = await reader.reachSession.count({ where: { organisationId, state: "open", OR: [{ gatewayId: id }, { channelGatewayId: id }] } });
  const relays = await reader.relayGateway.findMany({ where: { gatewayId: id, relay: { organisationId } }, select: { relay: { select: { name: true, _count: { select: { gateways: true } } } } }, orderBy: { relay: { nameKey: "asc" } } });
  return [
    ...(channels > 0 ? [`${channels} agent ${channels === 1 ? "channel opens" : "channels open"} at another gateway, where one is allowed`] : []),
    ...(sessions > 0 ? [`${sessions} open ${sessions === 1 ? "session ends" : "sessions end"}`] : []),
    ...someLines(relays.map(({ relay }) => (relay._count.gateways === 1 ? `relay "${relay.name}" has no other gateway; its agents are cut off` : `relay "${relay.name}" goes on through its other gateways`)), 10),
  ];
}
