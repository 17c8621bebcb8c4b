/**
 * Looks at live sessions again after something they rest on changed: a rule, a role, a group, an approval. Those that no rule allows any more end. Ending is a word to
 * the gateways; the gateway that carries a session reports its end with the bytes (record.ts).
 */
import { reachService } from "../../../contract/reach.ts";
import type { Role } from "../../../contract/roles.ts";
import { Prisma, type Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { publishAllLive, publishSessionEnd } from "../change/publish.ts";
import { decideReach, type JudgedRule, type ValidApproval } from "./decide.ts";
import { rulesForGroups } from "./read-rules.ts";

/** Sessions looked at in one review. */
const sessionsMax = 10_000;

export type Which = { ids: readonly string[] } | { ruleId: string } | { agentIds: readonly string[] } | { actor: { kind: "user" | "api-key"; id: string } };

const columns = { id: true, agentId: true, actorKind: true, actorId: true, service: true, agent: { select: { revokedAt: true, awaitsApproval: true, groups: { select: { groupId: true } } } } } as const satisfies Prisma.ReachSessionSelect;
type Row = Prisma.ReachSessionGetPayload<{ select: typeof columns }>;

/** Ends the sessions among these that nobody would grant now. `why` is shown to people as the reason. Returns how many. */
export async function reviewSessions(tx: Tx, caller: Pick<Caller, "organisationId">, which: Which, why: string, now: Date = new Date()): Promise<number> {
  const { organisationId } = caller;
  const ids = await liveSessionIds(tx, organisationId, which);
  if (ids.length === 0) return 0;
  const rows = await tx.reachSession.findMany({ where: { organisationId, id: { in: ids } }, select: columns });
  const rules = await rulesForGroups(tx, organisationId, [...new Set(rows.flatMap((row) => row.agent.groups.map((group) => group.groupId)))]);
  const roles = await rolesOf(tx, organisationId, rows);
  const approvals = await approvalsFor(tx, organisationId, rows, now);
  const over = rows.filter((row) => !isStillAllowed(row, { rules, roles, approvals, now })).map((row) => row.id);
  await endSessionRows(tx, organisationId, over, why, now);
  return over.length;
}

/** Live sessions: granted or open. In SQL, because all agents of an organisation may be asked about at once. */
export async function liveSessionIds(tx: Tx, organisationId: string, which: Which): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`SELECT id::text AS id FROM "ReachSession" WHERE "organisationId" = ${organisationId}::uuid AND state IN ('granted', 'open') AND ${condition(which)} LIMIT ${sessionsMax}`;
  return rows.map((row) => row.id);
}

/** Tells gateways to end these sessions, and notes why; a session that was granted and never opened ends here. */
export async function endSessionRows(tx: Tx, organisationId: string, ids: readonly string[], why: string, now: Date = new Date()): Promise<void> {
  if (ids.length === 0) return;
  const live = { organisationId, id: { in: [...ids] } };
  await tx.reachSession.updateMany({ where: { ...live, state: "open" }, data: { endReason: why } });
  await tx.reachSession.updateMany({ where: { ...live, state: "granted" }, data: { state: "ended", endedAt: now, endReason: why } });
  await publishSessionEnd(tx, organisationId, ids);
  await publishAllLive(tx, organisationId, ids.length > 20 ? [{ topic: "reachSession", id: null }] : ids.map((id) => ({ topic: "reachSession" as const, id })));
}

function condition(which: Which): Prisma.Sql {
  if ("ids" in which) return Prisma.sql`id = ANY(${[...which.ids]}::uuid[])`;
  if ("ruleId" in which) return Prisma.sql`"ruleId" = ${which.ruleId}::uuid`;
  if ("agentIds" in which) return Prisma.sql`"agentId" = ANY(${[...which.agentIds]}::uuid[])`;
  return Prisma.sql`"actorKind" = ${which.actor.kind} AND "actorId" = ${which.actor.id}`;
}

type Facts = { rules: readonly JudgedRule[]; roles: ReadonlyMap<string, Role>; approvals: ReadonlyMap<string, readonly ValidApproval[]>; now: Date };

function isStillAllowed(row: Row, facts: Facts): boolean {
  const kind = row.actorKind === "user" ? "user" : "api-key";
  const role = facts.roles.get(`${kind} ${row.actorId}`);
  const service = reachService.safeParse(row.service);
  if (role === undefined || !service.success || row.agent.revokedAt !== null || row.agent.awaitsApproval) return false;
  const decision = decideReach(facts.rules, {
    actor: { kind, id: row.actorId, role }, groupIds: new Set(row.agent.groups.map((group) => group.groupId)), port: service.data.port,
    approvals: facts.approvals.get(approvalKey(row)) ?? [], now: facts.now,
  });
  return decision.kind === "allowed" && decision.service.host === service.data.host;
}

/** Present role by `kind id`; nobody who has left is in it. */
async function rolesOf(tx: Tx, organisationId: string, rows: readonly Row[]): Promise<Map<string, Role>> {
  const idsOf = (kind: string) => [...new Set(rows.filter((row) => row.actorKind === kind).map((row) => row.actorId))];
  const members = await tx.membership.findMany({ where: { organisationId, userId: { in: idsOf("user") } }, select: { userId: true, role: true } });
  const keys = await tx.apiKey.findMany({ where: { organisationId, id: { in: idsOf("api-key") }, revokedAt: null, expiresAt: { gt: new Date() } }, select: { id: true, role: true } });
  return new Map([...members.map((member) => [`user ${member.userId}`, member.role] as const), ...keys.map((key) => [`api-key ${key.id}`, key.role] as const)]);
}

async function approvalsFor(tx: Tx, organisationId: string, rows: readonly Row[], now: Date): Promise<Map<string, ValidApproval[]>> {
  const found = await tx.reachRequest.findMany({
    where: { organisationId, agentId: { in: [...new Set(rows.map((row) => row.agentId))] }, actorId: { in: [...new Set(rows.map((row) => row.actorId))] }, isApproved: true, expiresAt: { gt: now } },
    select: { agentId: true, actorKind: true, actorId: true, ruleId: true, service: true, expiresAt: true },
  });
  const byCaller = new Map<string, ValidApproval[]>();
  for (const row of found) {
    const service = reachService.safeParse(row.service);
    if (service.success) byCaller.set(approvalKey(row), [...(byCaller.get(approvalKey(row)) ?? []), { ruleId: row.ruleId, service: service.data, expiresAt: row.expiresAt }]);
  }
  return byCaller;
}

function approvalKey(row: { agentId: string; actorKind: string; actorId: string }): string {
  return `${row.agentId} ${row.actorKind} ${row.actorId}`;
}
