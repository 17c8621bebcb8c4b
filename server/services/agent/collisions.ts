/**
 * Agents that share a host name, an address or the source they come from (N9): a fact to know, not a fault, because their keys tell them apart. One query per kind,
 * however many agents there are.
 */
import type { z } from "zod";
import type { agentCollisions } from "../../../contract/reach-objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { liveChannelSql } from "../channel/live-sql.ts";
import { readSiteMap, relayPathOf, siteOf } from "./site-of.ts";

type Reply = z.infer<typeof agentCollisions>;
type Kind = Reply["rows"][number]["kind"];

/** Groups listed per kind, and agents listed per group. */
const groupsMax = 200;
const agentsMax = 20;

export async function agentCollisionsOf(caller: Caller, now: Date = new Date()): Promise<Reply> {
  const groups = await collidingGroups(caller, now);
  const ids = [...new Set(groups.flatMap((group) => group.ids.slice(0, agentsMax)))];
  const [agents, map] = await Promise.all([
    caller.db.agent.findMany({
      where: { organisationId: caller.organisationId, id: { in: ids } },
      select: { id: true, hostname: true, addresses: true, relayPath: true, certificates: { where: { purpose: "agent", isCurrent: true, revokedAt: null }, select: { fingerprint: true }, orderBy: { createdAt: "desc" }, take: 1 } },
    }),
    readSiteMap(caller.db, caller.organisationId),
  ]);
  const byId = new Map(agents.map((agent) => [agent.id, { id: agent.id, name: agent.hostname, site: siteOf(map, agent)?.name ?? null, relayPath: relayPathOf(agent.relayPath), fingerprint: agent.certificates[0]?.fingerprint ?? null }]));
  return { rows: groups.map(({ kind, value, ids: members }) => ({ kind, value, agents: members.slice(0, agentsMax).flatMap((id) => byId.get(id) ?? []) })), total: groups[0] ? Number(groups[0].total) : 0 };
}

/** A gateway writes address and port, a relay the address alone; the port differs from connection to connection and is nobody's. */
const addressOfSource = Prisma.sql`regexp_replace(c.source, '^(?:\\[([^\\]]+)\\]|([^:]+)):[0-9]+$', '\\1\\2')`;

/** Values that two or more enrolled agents share. Loopback and link-local addresses are everybody's; the source is that of a live channel, seen by the gateway. */
async function collidingGroups(caller: Caller, now: Date): Promise<{ kind: Kind; value: string; ids: string[]; total: bigint }[]> {
  const present = Prisma.sql`a."organisationId" = ${caller.organisationId}::uuid AND a."revokedAt" IS NULL AND a."enrolledAt" IS NOT NULL`;
  return caller.db.$queryRaw<{ kind: Kind; value: string; ids: string[]; total: bigint }[]>`
    WITH shared AS (
      SELECT 'hostname'::text AS kind, lower(a.hostname) AS value, a.id FROM "Agent" a WHERE ${present}
      UNION ALL
      SELECT 'address', address, a.id FROM "Agent" a CROSS JOIN LATERAL unnest(a.addresses) AS address WHERE ${present} AND address !~ '^(127[.]|169[.]254[.]|::1$|fe80:)'
      UNION ALL
      SELECT DISTINCT 'source', ${addressOfSource}, a.id FROM "AgentChannel" c JOIN "Gateway" g ON g.id = c."gatewayId" JOIN "Agent" a ON a.id = c."agentId" WHERE ${present} AND ${liveChannelSql(now)}
    ), found AS (
      SELECT kind, value, array_agg(DISTINCT id::text ORDER BY id::text) AS ids FROM shared GROUP BY kind, value HAVING count(DISTINCT id) > 1
    )
    SELECT kind, value, ids, count(*) OVER () AS total FROM found ORDER BY array_position(ARRAY['hostname', 'address', 'source'], kind), cardinality(ids) DESC, value LIMIT ${groupsMax * 3}`;
}
