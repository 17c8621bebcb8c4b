/** One picture of an organisation: sites, servers, gateways, relays and agents with states and rates. The same few queries for 2 and for 500 nodes. */
import type { z } from "zod";
import type { topologyView } from "../../../contract/relay-objects.ts";
import type { Caller } from "../caller.ts";
import { Prisma } from "../../db.ts";
import { liveChannelSql } from "../channel/live-sql.ts";
import { gatewayStateColumns, gatewayStateOf } from "../gateway/state.ts";
import { readRelayFacts, type RelayFact } from "../relay/facts.ts";
import { placeAgents } from "./place-agents.ts";

type View = z.infer<typeof topologyView>;

/** Samples are of whole minutes; one older than this says nothing of now, milliseconds. */
const sampleFreshMs = 150_000;
const minuteSeconds = 60;

export async function viewTopology(caller: Caller, now: Date = new Date()): Promise<View> {
  const { organisationId, db } = caller;
  const [organisation, facts, servers, gateways, reach, counts, agents] = await Promise.all([
    db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { id: true, name: true } }),
    readRelayFacts(db, organisationId, now),
    db.server.findMany({ where: { organisationId }, select: { id: true, name: true, isReady: true, isAgentSite: true, sites: { select: { siteId: true } } }, orderBy: [{ isAgentSite: "desc" }, { nameKey: "asc" }] }),
    db.gateway.findMany({
      where: { organisationId }, orderBy: [{ nameKey: "asc" }],
      select: { id: true, name: true, insideAddress: true, ...gatewayStateColumns, servers: { select: { serverId: true } }, samples: { select: { at: true, bytesUp: true, bytesDown: true }, orderBy: { at: "desc" }, take: 1 } },
    }),
    db.serverReach.findMany({ where: { isReachable: false, gateway: { organisationId } }, select: { gatewayId: true, serverId: true, address: true, detail: true } }),
    liveCounts(caller, now),
    placeAgents(caller, now),
  ]);
  const inside = gateways.filter((gateway) => gateway.insideAddress !== null).map((gateway) => gateway.id);
  const relays = [...facts.relays.values()];
  return {
    organisation, at: now.toISOString(),
    sites: facts.sites.map(({ id, name, kind }) => ({ id, name, kind })),
    servers: servers.map(({ sites, ...server }) => ({ ...server, siteIds: sites.map((site) => site.siteId) })),
    gateways: gateways.map((gateway) => {
      const sample = gateway.samples[0];
      const isFresh = sample !== undefined && now.getTime() - sample.at.getTime() < sampleFreshMs;
      const perSecond = (bytes: bigint) => (isFresh ? Math.round(Number(bytes) / minuteSeconds) : 0);
      return {
        id: gateway.id, name: gateway.name, state: gatewayStateOf(gateway, now), tunnels: counts.get(gateway.id)?.tunnels ?? 0, channels: counts.get(gateway.id)?.channels ?? 0,
        bytesUpPerSecond: perSecond(sample?.bytesUp ?? 0n), bytesDownPerSecond: perSecond(sample?.bytesDown ?? 0n), serverIds: gateway.servers.map((server) => server.serverId),
        peerIds: gateway.insideAddress === null ? [] : inside.filter((id) => id !== gateway.id),
      };
    }),
    relays: relays.map(toRelay),
    agents,
    cuts: [...relays.flatMap(relayCuts), ...reach.map((row) => ({ from: { kind: "gateway" as const, id: row.gatewayId }, to: { kind: "server" as const, id: row.serverId }, reason: `${row.address === "" ? "the server" : row.address}: ${row.detail}` }))],
  };
}

function toRelay(relay: RelayFact): View["relays"][number] {
  const connected = relay.sessions.filter((session) => session.state === "connected");
  const total = connected.reduce((sum, session) => sum + session.bytesPerSecond, 0);
  const up = connected.reduce((sum, session) => sum + session.bytesUpPerSecond, 0);
  return { id: relay.id, name: relay.name, state: relay.state, siteId: relay.site?.id ?? null, upstreamRelayId: relay.behindRelayId, gatewayIds: relay.gateways.map((gateway) => gateway.id), agents: relay.agents, bytesUpPerSecond: Math.round(up), bytesDownPerSecond: Math.round(Math.max(0, total - up)) };
}

/** A relay without a session: cut from the relay nearer to the gateways, or from each of its gateways. */
function relayCuts(relay: RelayFact): View["cuts"] {
  const from = { kind: "relay" as const, id: relay.id };
  const why = (gatewayId: string | null) => {
    const said = relay.sessions.find((session) => gatewayId === null || session.gateway.id === gatewayId);
    if (said?.state === "waiting") return "answered, its certificate is not confirmed yet";
    if (said?.detail) return said.detail;
    return relay.state === "waiting" ? "never heard of" : "no session now";
  };
  if (relay.behindRelayId !== null) return relay.state === "connected" ? [] : [{ from, to: { kind: "relay", id: relay.behindRelayId }, reason: why(null) }];
  const holding = new Set(relay.sessions.filter((session) => session.state === "connected").map((session) => session.gateway.id));
  return relay.gateways.filter((gateway) => !holding.has(gateway.id)).map((gateway) => ({ from, to: { kind: "gateway", id: gateway.id }, reason: why(gateway.id) }));
}

/** Open tunnels and live channels by gateway. */
async function liveCounts(caller: Caller, now: Date): Promise<Map<string, { tunnels: number; channels: number }>> {
  const organisation = Prisma.sql`${caller.organisationId}::uuid`;
  const rows = await caller.db.$queryRaw<{ id: string; tunnels: bigint; channels: bigint }[]>`
    SELECT g.id::text AS id, (SELECT count(*) FROM "Tunnel" t WHERE t."gatewayId" = g.id AND t."endedAt" IS NULL) AS tunnels,
           (SELECT count(*) FROM "AgentChannel" c WHERE c."gatewayId" = g.id AND ${liveChannelSql(now)}) AS channels
      FROM "Gateway" g WHERE g."organisationId" = ${organisation}`;
  return new Map(rows.map((row) => [row.id, { tunnels: Number(row.tunnels), channels: Number(row.channels) }]));
}
