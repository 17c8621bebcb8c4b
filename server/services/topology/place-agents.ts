/** Where agents come in now, counted in the database: behind a relay, at a gateway, on the LAN or nowhere. */
import { type AgentState, agentState } from "../../../contract/states.ts";
import type { z } from "zod";
import type { topologyView } from "../../../contract/relay-objects.ts";
import type { Caller } from "../caller.ts";
import { agentStateSql } from "../agent/state.ts";
import { liveChannelSql } from "../channel/live-sql.ts";

type Places = z.infer<typeof topologyView>["agents"];

/** Up to this many agents of a place are shown one by one. */
const sampleMax = 60;

type Row = { gateway: string | null; relay: string | null; state: string; count: bigint; sample: { id: string; name: string }[] | null };

/**
 * An agent is where its newest live channel or open tunnel is; one without either stays with the relay of its last proven path, or with the gateway that it
 * named itself, so that the picture does not jump when it goes offline. Pending agents have never been anywhere and are left out.
 */
export async function placeAgents(caller: Caller, now: Date): Promise<Places> {
  const rows = await caller.db.$queryRaw<Row[]>`
    WITH live AS (
      SELECT DISTINCT ON (agent) agent, gateway, path FROM (
        SELECT c."agentId" AS agent, c."gatewayId" AS gateway, c."relayPath" AS path, c."openedAt" AS at, 1 AS rank FROM "AgentChannel" c JOIN "Gateway" g ON g.id = c."gatewayId" WHERE c."organisationId" = ${caller.organisationId}::uuid AND ${liveChannelSql(now)}
        UNION ALL
        SELECT t."agentId", t."gatewayId", t."relayPath", t."openedAt", 2 FROM "Tunnel" t WHERE t."organisationId" = ${caller.organisationId}::uuid AND t."endedAt" IS NULL
      ) found ORDER BY agent, rank, at DESC
    ), placed AS (
      SELECT a.id, a.hostname, ${agentStateSql(now)} AS state, coalesce(l.path, a."relayPath") -> -1 ->> 'relayId' AS relay,
             coalesce(l.gateway::text, CASE WHEN a.path->>'kind' = 'gateway' THEN a.path->>'gatewayId' END) AS gateway
        FROM "Agent" a LEFT JOIN live l ON l.agent = a.id WHERE a."organisationId" = ${caller.organisationId}::uuid AND a."enrolledAt" IS NOT NULL
    ), known AS (
      SELECT p.id, p.hostname, p.state, r.id::text AS relay, CASE WHEN r.id IS NULL THEN g.id::text END AS gateway
        FROM placed p LEFT JOIN "Relay" r ON r.id::text = p.relay AND r."organisationId" = ${caller.organisationId}::uuid LEFT JOIN "Gateway" g ON g.id::text = p.gateway AND g."organisationId" = ${caller.organisationId}::uuid
    ), numbered AS (
      SELECT *, row_number() OVER (PARTITION BY gateway, relay ORDER BY lower(hostname), id) AS n FROM known
    )
    SELECT gateway, relay, state, count(*) AS count, jsonb_agg(jsonb_build_object('id', id, 'name', hostname) ORDER BY n) FILTER (WHERE n <= ${sampleMax}) AS sample
      FROM numbered GROUP BY gateway, relay, state ORDER BY gateway NULLS LAST, relay NULLS LAST, state`;
  const places = new Map<string, Places[number]>();
  for (const row of rows) {
    const key = `${row.gateway ?? ""} ${row.relay ?? ""}`;
    const place = places.get(key) ?? { gatewayId: row.gateway, relayId: row.relay, counts: emptyCounts(), sample: [] };
    const state = agentState.catch("offline").parse(row.state);
    place.counts[state] += Number(row.count);
    place.sample.push(...(row.sample ?? []).map((agent) => ({ ...agent, state })));
    places.set(key, place);
  }
  return [...places.values()].map((place) => (total(place.counts) > sampleMax ? { ...place, sample: [] } : place));
}

function emptyCounts(): Record<AgentState, number> {
  return { pending: 0, unapproved: 0, online: 0, late: 0, offline: 0, revoked: 0 };
}

function total(counts: Record<AgentState, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
