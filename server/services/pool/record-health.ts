/** Stores what a gateway found out about members: the newest state of each, and a row of history per change of state. Told twice, nothing is written twice. */
import type { MemberHealth } from "../../../contract/health-check.ts";
import type { LiveEvent } from "../../../contract/objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";

/** Rows of history kept per member, over all gateways. */
export const historyMax = 1_000;
/** More objects than this in one report are told as a topic. */
const eventsMax = 20;

type Stored = { memberId: string; poolId: string; isNews: boolean; isEvent: boolean };

/**
 * Takes the health that the gateway `caller` reports. Only members of pools that a service on this very gateway uses, of its organisation, are written (T33);
 * others are ignored: a snapshot that is being replaced may name them still.
 */
export async function recordHealth(tx: Tx, caller: Caller, health: readonly MemberHealth[], now: Date = new Date()): Promise<LiveEvent[]> {
  if (health.length === 0) return [];
  const newest = [...new Map(health.map((one) => [one.memberId, one])).values()].toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const stored = await store(tx, caller, newest, now);
  const withEvents = stored.filter((row) => row.isEvent).map((row) => row.memberId);
  if (withEvents.length > 0) await prune(tx, withEvents);
  return await eventsOf(tx, caller, [...new Set(stored.filter((row) => row.isNews).map((row) => row.poolId))]);
}

/** One statement: its parts all see the rows as they were before it. A gateway that begins anew ("unknown") makes no history; only what differs from the last row does. */
async function store(tx: Tx, caller: Caller, health: readonly MemberHealth[], now: Date): Promise<Stored[]> {
  const column = <T>(pick: (one: MemberHealth) => T): T[] => health.map(pick);
  const notLater = (at: string): Date => new Date(Math.min(Date.parse(at), now.getTime()));
  return await tx.$queryRaw<Stored[]>(Prisma.sql`
    WITH mine AS (
      SELECT DISTINCT p.id FROM "Pool" p JOIN "VirtualService" s ON s."poolId" = p.id AND s."organisationId" = p."organisationId" JOIN "VirtualServiceGateway" g ON g."serviceId" = s.id
       WHERE p."organisationId" = ${caller.organisationId}::uuid AND g."gatewayId" = ${caller.actor.id}::uuid
    ), told AS (
      SELECT t.*, m."poolId" AS pool
        FROM unnest(${column((h) => h.memberId)}::uuid[], ${column((h) => h.state)}::text[], ${column((h) => h.cause)}::text[], ${column((h) => notLater(h.since))}::timestamptz[],
                    ${column((h) => (h.checkedAt === null ? null : notLater(h.checkedAt)))}::timestamptz[], ${column((h) => h.tookMs)}::float8[], ${column((h) => (h.certificate === null ? null : JSON.stringify(h.certificate)))}::jsonb[])
             AS t(member, state, cause, since, checked, took, certificate)
        JOIN "PoolMember" m ON m.id = t.member
        JOIN mine ON mine.id = m."poolId"
    ), known AS (
      SELECT told.*, h.state AS "stateBefore", h.cause AS "causeBefore", h.certificate AS "certificateBefore", coalesce(e.state, 'unknown') AS "lastEvent"
        FROM told
        LEFT JOIN "MemberHealth" h ON h."memberId" = told.member AND h."gatewayId" = ${caller.actor.id}::uuid
        LEFT JOIN LATERAL (SELECT o.state FROM "MemberHealthEvent" o WHERE o."memberId" = told.member AND o."gatewayId" = ${caller.actor.id}::uuid ORDER BY o.at DESC, o.id DESC LIMIT 1) e ON true
    ), event AS (
      INSERT INTO "MemberHealthEvent" ("poolId", "memberId", "gatewayId", at, before, state, cause)
      SELECT pool, member, ${caller.actor.id}::uuid, since, "lastEvent", state, cause FROM known WHERE state <> 'unknown' AND state <> "lastEvent"
      ON CONFLICT DO NOTHING RETURNING "memberId"
    ), kept AS (
      INSERT INTO "MemberHealth" ("gatewayId", "memberId", state, cause, since, "checkedAt", "tookMs", certificate)
      SELECT ${caller.actor.id}::uuid, member, state, cause, since, checked, took, certificate FROM known
      ON CONFLICT ("gatewayId", "memberId") DO UPDATE SET state = EXCLUDED.state, cause = EXCLUDED.cause, since = EXCLUDED.since, "checkedAt" = EXCLUDED."checkedAt", "tookMs" = EXCLUDED."tookMs", certificate = EXCLUDED.certificate
    )
    SELECT member AS "memberId", pool AS "poolId", ("stateBefore" IS DISTINCT FROM state OR "causeBefore" IS DISTINCT FROM cause OR "certificateBefore" IS DISTINCT FROM certificate) AS "isNews",
           event."memberId" IS NOT NULL AS "isEvent"
      FROM known LEFT JOIN event ON event."memberId" = member`);
}

async function prune(tx: Tx, memberIds: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM "MemberHealthEvent" e USING (
      SELECT id, row_number() OVER (PARTITION BY "memberId" ORDER BY at DESC, id DESC) AS place FROM "MemberHealthEvent" WHERE "memberId" = ANY(${[...memberIds]}::uuid[])
    ) old WHERE old.id = e.id AND old.place > ${historyMax}`;
}

/** The pools, and the services that stand on them. */
async function eventsOf(tx: Tx, caller: Caller, poolIds: readonly string[]): Promise<LiveEvent[]> {
  if (poolIds.length === 0) return [];
  if (poolIds.length > eventsMax) return [{ topic: "pool", id: null }, { topic: "virtualService", id: null }];
  const services = await tx.virtualService.findMany({ where: { organisationId: caller.organisationId, poolId: { in: [...poolIds] } }, select: { id: true }, take: eventsMax + 1 });
  return [...poolIds.map((id) => ({ topic: "pool" as const, id })), ...(services.length > eventsMax ? [{ topic: "virtualService" as const, id: null }] : services.map(({ id }) => ({ topic: "virtualService" as const, id })))];
}
