/**
 * The state of pools and services, put together from what gateways say of members: per member the worst view counts, and only gateways that serve it now have one.
 * The database counts; the words are chosen here.
 */
import type { z } from "zod";
import type { MemberState } from "../../../contract/pool.ts";
import type { serviceState } from "../../../contract/service-objects.ts";
import { Prisma, type Db, type Tx } from "../../db.ts";

export type ServiceState = z.infer<typeof serviceState>;
/** Members of one pool (or of one service's pool) in the same state and with the same worst view: 0 nobody looked, 1 up, 2 next hop down, 3 down. */
export type Tally = { state: MemberState; worst: number; count: number; /** Of one of them. */ cause: string | null };
export type Roll = { state: ServiceState; cause: string; membersUp: number; memberCount: number };
/** `checkKind` none: a member nobody has looked at works until it fails. */
export type CheckFacts = { checkKind: string; nextHopTakesMemberOut: boolean };

type Row = { owner: string; state: string; worst: number; count: bigint; cause: string | null };

const rank = Prisma.sql`CASE h.state WHEN 'down' THEN 3 WHEN 'next-hop' THEN 2 WHEN 'up' THEN 1 ELSE 0 END`;

/** Per pool; views are those of all gateways that have an enabled service with the pool. */
export async function tallyPools(reader: Db | Tx, organisationId: string, poolIds: readonly string[]): Promise<Map<string, Tally[]>> {
  if (poolIds.length === 0) return new Map();
  return group(await reader.$queryRaw<Row[]>`
    SELECT t.owner, t.state, t.worst, count(*) AS count, min(t.cause) AS cause FROM (
      SELECT m."poolId" AS owner, m.state, coalesce(v.worst, 0) AS worst, v.cause FROM "PoolMember" m JOIN "Pool" p ON p.id = m."poolId"
        LEFT JOIN LATERAL (SELECT ${rank} AS worst, h.cause FROM "MemberHealth" h WHERE h."memberId" = m.id
          AND EXISTS (SELECT 1 FROM "VirtualServiceGateway" sg JOIN "VirtualService" s ON s.id = sg."serviceId" WHERE sg."gatewayId" = h."gatewayId" AND s."poolId" = m."poolId" AND s."isEnabled")
          ORDER BY 1 DESC, h.since LIMIT 1) v ON true
       WHERE p."organisationId" = ${organisationId}::uuid AND p.id = ANY(${[...poolIds]}::uuid[])) t GROUP BY 1, 2, 3`);
}

/** Per service; views are those of the service's own gateways. */
export async function tallyServices(reader: Db | Tx, organisationId: string, serviceIds: readonly string[]): Promise<Map<string, Tally[]>> {
  if (serviceIds.length === 0) return new Map();
  return group(await reader.$queryRaw<Row[]>`
    SELECT t.owner, t.state, t.worst, count(*) AS count, min(t.cause) AS cause FROM (
      SELECT s.id AS owner, m.state, coalesce(v.worst, 0) AS worst, v.cause FROM "VirtualService" s JOIN "PoolMember" m ON m."poolId" = s."poolId"
        LEFT JOIN LATERAL (SELECT ${rank} AS worst, h.cause FROM "MemberHealth" h WHERE h."memberId" = m.id
          AND EXISTS (SELECT 1 FROM "VirtualServiceGateway" sg WHERE sg."gatewayId" = h."gatewayId" AND sg."serviceId" = s.id)
          ORDER BY 1 DESC, h.since LIMIT 1) v ON true
       WHERE s."organisationId" = ${organisationId}::uuid AND s.id = ANY(${[...serviceIds]}::uuid[])) t GROUP BY 1, 2, 3`);
}

function group(rows: readonly Row[]): Map<string, Tally[]> {
  const tallies = new Map<string, Tally[]>();
  for (const { owner, state, worst, count, cause } of rows) {
    const list = tallies.get(owner) ?? [];
    list.push({ state: state === "drain" || state === "disabled" ? state : "enabled", worst, count: Number(count), cause });
    tallies.set(owner, list);
  }
  return tallies;
}

/** A pool's state and one sentence for it. */
export function rollUp(tallies: readonly Tally[], check: CheckFacts): Roll {
  const count = (fits: (tally: Tally) => boolean) => tallies.filter(fits).reduce((sum, tally) => sum + tally.count, 0);
  const isEnabled = (tally: Tally) => tally.state === "enabled";
  const isOut = (tally: Tally) => tally.worst === 3 || (tally.worst === 2 && check.nextHopTakesMemberOut);
  const isUp = (tally: Tally) => !isOut(tally) && (tally.worst > 0 || check.checkKind === "none");
  const memberCount = count(() => true);
  const enabled = count(isEnabled);
  const out = count((tally) => isEnabled(tally) && isOut(tally));
  const nextHop = count((tally) => isEnabled(tally) && !isOut(tally) && tally.worst === 2);
  const membersUp = count((tally) => isEnabled(tally) && isUp(tally));
  const cause = [...tallies].filter((tally) => isEnabled(tally) && tally.worst >= 2).sort((a, b) => b.worst - a.worst)[0]?.cause ?? null;
  const because = cause === null || cause === "" ? "" : ` ${withStop(cause)}`;
  const roll = (state: ServiceState, sentence: string): Roll => ({ state, cause: sentence, membersUp, memberCount });
  if (memberCount === 0) return roll("down", "The pool has no members.");
  if (enabled === 0) return roll("disabled", "Every member is disabled or drained.");
  if (out === enabled) return roll("down", `No member works.${because}`);
  if (out > 0 || nextHop > 0) return roll("degraded", out > 0 ? `${out} of ${enabled} members ${out === 1 ? "is" : "are"} down.${because}` : `All members answer, but a next hop does not.${because}`);
  if (membersUp === 0) return roll("unknown", "No gateway has checked the members yet.");
  return roll("up", membersUp === enabled ? (enabled === 1 ? "The member works." : `All ${enabled} members work.`) : `${membersUp} of ${enabled} members work; the others are not checked yet.`);
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
