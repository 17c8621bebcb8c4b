/** Agents that come through relays now: by their live channels and open tunnels. One query, however many relays. */
import { Prisma, type Db, type Tx } from "../../db.ts";
import { liveChannelSql } from "../channel/live-sql.ts";

/** Rows of (agent, relay path) that are live now. */
export function livePathsSql(organisationId: string, now: Date): Prisma.Sql {
  return Prisma.sql`
    SELECT c."agentId" AS agent, c."relayPath" AS path FROM "AgentChannel" c JOIN "Gateway" g ON g.id = c."gatewayId" WHERE c."organisationId" = ${organisationId}::uuid AND c."relayPath" <> '[]'::jsonb AND ${liveChannelSql(now)}
    UNION ALL
    SELECT t."agentId", t."relayPath" FROM "Tunnel" t WHERE t."organisationId" = ${organisationId}::uuid AND t."endedAt" IS NULL AND t."relayPath" <> '[]'::jsonb`;
}

/** Agents by relay id; one that comes through two relays, one behind the other, counts at both. */
export async function agentsThrough(reader: Db | Tx, organisationId: string, now: Date = new Date()): Promise<Map<string, number>> {
  const rows = await reader.$queryRaw<{ relay: string; agents: bigint }[]>`
    SELECT hop->>'relayId' AS relay, count(DISTINCT live.agent) AS agents FROM (${livePathsSql(organisationId, now)}) live CROSS JOIN LATERAL jsonb_array_elements(live.path) AS hop GROUP BY 1`;
  return new Map(rows.map((row) => [row.relay, Number(row.agents)]));
}
