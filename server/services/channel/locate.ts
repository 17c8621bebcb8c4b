/** The location registry: which gateways hold an agent's channel now. A row counts while its gateway is connected and has kept it alive. */
import type { z } from "zod";
import type { locateAgentReply } from "../../../contract/control.ts";
import type { Db, Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { gatewaySilentMs } from "../gateway/state.ts";
import { iso, isoOrNull } from "../object/list.ts";

const locationsMax = 20;

/** The caller is a gateway; an agent of another organisation is nowhere. */
export async function locateAgent(gateway: Caller, input: { agentId: string }, now: Date = new Date()): Promise<z.infer<typeof locateAgentReply>> {
  const [channels, agent] = await Promise.all([
    liveChannels(gateway.db, gateway.organisationId, input.agentId, now),
    gateway.db.agent.findFirst({ where: { id: input.agentId, organisationId: gateway.organisationId }, select: { lastSeenAt: true } }),
  ]);
  return { locations: channels.map(({ gatewayId, channelId, openedAt }) => ({ gatewayId, channelId, openedAt: iso(openedAt) })), lastSeenAt: isoOrNull(agent?.lastSeenAt ?? null) };
}

export type LiveChannel = { channelId: string; gatewayId: string; openedAt: Date };

/** Live channels of an agent, newest first. */
export async function liveChannels(reader: Db | Tx, organisationId: string, agentId: string, now: Date = new Date()): Promise<LiveChannel[]> {
  return reader.agentChannel.findMany({
    where: { agentId, ...liveChannelWhere(organisationId, now), agent: { organisationId, revokedAt: null } },
    select: { channelId: true, gatewayId: true, openedAt: true }, orderBy: [{ openedAt: "desc" }, { channelId: "asc" }], take: locationsMax,
  });
}

/** What makes a channel live, as a filter. */
export function liveChannelWhere(organisationId: string, now: Date) {
  return { organisationId, endedAt: null, aliveUntil: { gt: now }, gateway: { organisationId, connectedSince: { not: null }, lastSeenAt: { gt: new Date(now.getTime() - gatewaySilentMs) } } };
}
