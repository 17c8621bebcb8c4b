/** Stores what a gateway reports: status, reach of servers, refusals, tunnels, log lines, a sample a minute, agent channels, sessions, relays. A report stored twice makes no second row. */
import type { ControlReport, GatewayStatus, LogLine, Refusal, TunnelReport } from "../../../contract/control.ts";
import type { LiveEvent } from "../../../contract/objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { publishAllLive } from "../change/publish.ts";
import { recordChannels } from "../channel/record.ts";
import { endOlderTwins } from "../channel/twins.ts";
import { recordHealth } from "../pool/record-health.ts";
import { endSessionsOfEarlierRun } from "../reach-session/gateway-restarted.ts";
import { recordSessions } from "../reach-session/record.ts";
import { recordRelayPaths } from "../relay/record-paths.ts";
import { recordRelays } from "../relay/record.ts";
import { type LoadMemory, recordLoads } from "../virtual-service/record-loads.ts";
import { storable } from "./storable.ts";

/** Log lines kept per gateway. */
const logLinesMax = 5_000;

/** What is remembered per gateway between reports: the totals at the last sample, and when its program started. */
export type ReportMemory = { startedAt?: Date; sample?: { minute: number; bytesUp: number; bytesDown: number } } & LoadMemory;

export async function recordReport(caller: Caller, given: ControlReport, memory: ReportMemory, now: Date = new Date()): Promise<void> {
  const report = storable(given);
  await caller.db.$transaction(async (tx) => {
    const events: LiveEvent[] = [];
    if (report.status) events.push(...(await recordStatus(tx, caller, report.status, { memory, now })));
    if (report.refusals.length > 0 || report.refusalsDropped > 0) events.push(...(await recordRefusals(tx, caller, report.refusals, report.refusalsDropped, now)));
    if (report.tunnels.length > 0) events.push(...(await recordTunnels(tx, caller, report.tunnels, now)));
    if (report.logs.length > 0) await recordLogs(tx, caller, report.logs);
    events.push(...(await recordHealth(tx, caller, report.health, now)), ...(await recordLoads(tx, caller, report.services, { memory, now })));
    await publishAllLive(tx, caller.organisationId, events);
  });
  // Each in a transaction of its own, and all of them again when the report comes again: rows are known by their ids.
  await recordChannels(caller, report.channels, report.areChannelsComplete, now);
  await endOlderTwins(caller, report.channels, now);
  await recordSessions(caller, report.sessions, now);
  if (report.areChannelsComplete && memory.startedAt) await endSessionsOfEarlierRun(caller, memory.startedAt, now);
  await recordRelays(caller, report.relays, now);
}

async function recordStatus(tx: Tx, caller: Caller, status: GatewayStatus, moment: { memory: ReportMemory; now: Date }): Promise<LiveEvent[]> {
  const { count } = await tx.gateway.updateMany({ where: { id: caller.actor.id, organisationId: caller.organisationId }, data: { status, statusAt: moment.now, lastSeenAt: moment.now } });
  if (count === 0) return [];
  await recordReach(tx, caller, status.servers);
  await recordSample(tx, caller.actor.id, status, moment);
  const presents = await recordPresented(tx, caller, status);
  return [{ topic: "gateway", id: caller.actor.id }, ...(presents ? [{ topic: "certificate" as const, id: presents }] : [])];
}

/** Only servers that are assigned to this gateway count (S1-43). */
async function recordReach(tx: Tx, caller: Caller, servers: GatewayStatus["servers"]): Promise<void> {
  if (servers.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO "ServerReach" ("gatewayId", "serverId", "isReachable", address, detail, "checkedAt")
    SELECT a."gatewayId", a."serverId", r.reachable, r.address, r.detail, r.at
      FROM unnest(${servers.map((server) => server.serverId)}::uuid[], ${servers.map((server) => server.isReachable)}::boolean[], ${servers.map((server) => server.address)}::text[],
                  ${servers.map((server) => server.detail)}::text[], ${servers.map((server) => new Date(server.checkedAt))}::timestamptz[]) AS r(id, reachable, address, detail, at)
      JOIN "GatewayServer" a ON a."serverId" = r.id AND a."gatewayId" = ${caller.actor.id}::uuid
    ON CONFLICT ("gatewayId", "serverId") DO UPDATE SET "isReachable" = EXCLUDED."isReachable", address = EXCLUDED.address, detail = EXCLUDED.detail, "checkedAt" = EXCLUDED."checkedAt"`;
}

/** One row a minute. Bytes are what was added since the last sample; totals that fell (the gateway was restarted) are all new, the first ones seen here count for nothing. */
async function recordSample(tx: Tx, gatewayId: string, status: GatewayStatus, moment: { memory: ReportMemory; now: Date }): Promise<void> {
  const { memory, now } = moment;
  const minute = Math.floor(now.getTime() / 60_000) * 60_000;
  const last = memory.sample;
  if (last?.minute === minute) return;
  memory.sample = { minute, bytesUp: status.bytesUp, bytesDown: status.bytesDown };
  const since = (total: number, before: number): bigint => BigInt(total >= before ? total - before : total);
  await tx.$executeRaw`
    INSERT INTO "GatewaySample" ("gatewayId", at, tunnels, "bytesUp", "bytesDown")
    VALUES (${gatewayId}::uuid, ${new Date(minute)}, ${status.tunnels}, ${last ? since(status.bytesUp, last.bytesUp) : 0n}, ${last ? since(status.bytesDown, last.bytesDown) : 0n})
    ON CONFLICT ("gatewayId", at) DO NOTHING`;
}

/** The fingerprint the first listener really presents is the gateway's (S1-32); returns the certificate's id when it changed. */
async function recordPresented(tx: Tx, caller: Caller, status: GatewayStatus): Promise<string | undefined> {
  const presented = status.listeners.find((listener) => listener.fingerprint !== null)?.fingerprint;
  if (!presented) return undefined;
  const certificate = await tx.certificate.findFirst({ where: { organisationId: caller.organisationId, fingerprint: presented, purpose: { in: ["gateway-listener", "imported"] } }, select: { id: true } });
  if (!certificate) return undefined;
  const { count } = await tx.gateway.updateMany({ where: { id: caller.actor.id, organisationId: caller.organisationId, OR: [{ presentedCertificateId: null }, { presentedCertificateId: { not: certificate.id } }] }, data: { presentedCertificateId: certificate.id } });
  return count > 0 ? certificate.id : undefined;
}

async function recordRefusals(tx: Tx, caller: Caller, refusals: readonly Refusal[], dropped: number, now: Date): Promise<LiveEvent[]> {
  const { count } = await tx.refusal.createMany({
    skipDuplicates: true,
    data: refusals.map((refusal) => ({ ...refusal, organisationId: caller.organisationId, gatewayId: caller.actor.id, at: notLater(refusal.at, now), certificate: refusal.certificate ?? Prisma.JsonNull })),
  });
  if (dropped > 0) await recordLogs(tx, caller, [{ at: now.toISOString(), level: "warn", message: `${dropped} refusals did not fit the gateway's queue and are only counted`, fields: { dropped } }]);
  return count > 0 ? [{ topic: "refusal", id: null }] : [];
}

/** Upserts tunnels; bytes that moved prove the agent alive (N8). A gateway writes only rows of its own, and only of agents of its organisation. */
async function recordTunnels(tx: Tx, caller: Caller, tunnels: readonly TunnelReport[], now: Date): Promise<LiveEvent[]> {
  const column = <T>(pick: (tunnel: TunnelReport) => T): T[] => tunnels.map(pick);
  await tx.$executeRaw`
    INSERT INTO "Tunnel" ("connectionId", "organisationId", "gatewayId", "agentId", "serverId", source, step, "openedAt", "lastByteAt", "bytesUp", "bytesDown", "relayPath", "endedAt", "endReason")
    SELECT t.id, ${caller.organisationId}::uuid, ${caller.actor.id}::uuid, t.agent, t.server, t.source, t.step, t.opened, t.last, t.up, t.down, t.path, t.ended, t.reason
      FROM unnest(${column((t) => t.connectionId)}::text[], ${column((t) => t.agentId)}::uuid[], ${column((t) => t.serverId)}::uuid[], ${column((t) => t.source)}::text[], ${column((t) => t.step)}::text[],
                  ${column((t) => notLater(t.openedAt, now))}::timestamptz[], ${column((t) => notLater(t.lastByteAt, now))}::timestamptz[], ${column((t) => BigInt(t.bytesUp))}::bigint[], ${column((t) => BigInt(t.bytesDown))}::bigint[],
                  ${column((t) => JSON.stringify(t.relayPath))}::jsonb[], ${column((t) => (t.endedAt === null ? null : notLater(t.endedAt, now)))}::timestamptz[], ${column((t) => t.endReason)}::text[]) AS t(id, agent, server, source, step, opened, last, up, down, path, ended, reason)
     WHERE EXISTS (SELECT 1 FROM "Agent" a WHERE a.id = t.agent AND a."organisationId" = ${caller.organisationId}::uuid)
    ON CONFLICT ("connectionId") DO UPDATE SET step = EXCLUDED.step, "lastByteAt" = EXCLUDED."lastByteAt", "bytesUp" = EXCLUDED."bytesUp", "bytesDown" = EXCLUDED."bytesDown", "relayPath" = EXCLUDED."relayPath", "endedAt" = EXCLUDED."endedAt", "endReason" = EXCLUDED."endReason"
     WHERE "Tunnel"."gatewayId" = ${caller.actor.id}::uuid AND "Tunnel"."organisationId" = ${caller.organisationId}::uuid`;
  await recordRelayPaths(tx, caller.organisationId, tunnels.filter((tunnel) => tunnel.endedAt === null));
  const moved = tunnels.filter((tunnel) => tunnel.bytesUp > 0 && tunnel.bytesDown > 0);
  if (moved.length > 0) {
    await tx.$executeRaw`
      UPDATE "Agent" a SET "lastSeenAt" = p.seen
        FROM (SELECT agent, max(seen) AS seen FROM unnest(${moved.map((t) => t.agentId)}::uuid[], ${moved.map((t) => notLater(t.lastByteAt, now))}::timestamptz[]) AS u(agent, seen) GROUP BY agent) p
       WHERE a.id = p.agent AND a."organisationId" = ${caller.organisationId}::uuid AND a."revokedAt" IS NULL AND (a."lastSeenAt" IS NULL OR a."lastSeenAt" < p.seen)`;
  }
  const agents = [...new Set(tunnels.map((tunnel) => tunnel.agentId))];
  return agents.length > 20 ? [{ topic: "agent", id: null }] : agents.map((id) => ({ topic: "agent" as const, id }));
}

/** A line that is there already (a report whose answer was lost) is not written again. Old lines beyond the bound go. */
async function recordLogs(tx: Tx, caller: Caller, lines: readonly LogLine[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO "GatewayLog" ("gatewayId", at, level, message, fields)
    SELECT g.id, l.at, l.level, l.message, l.fields
      FROM unnest(${lines.map((line) => new Date(line.at))}::timestamptz[], ${lines.map((line) => line.level)}::text[], ${lines.map((line) => line.message)}::text[], ${lines.map((line) => JSON.stringify(line.fields))}::jsonb[]) AS l(at, level, message, fields)
      JOIN "Gateway" g ON g.id = ${caller.actor.id}::uuid AND g."organisationId" = ${caller.organisationId}::uuid AND g."forwardLogs"
     WHERE NOT EXISTS (SELECT 1 FROM "GatewayLog" o WHERE o."gatewayId" = g.id AND o.at = l.at AND o.message = l.message)`;
  await tx.$executeRaw`
    DELETE FROM "GatewayLog" WHERE "gatewayId" = ${caller.actor.id}::uuid
       AND id < (SELECT coalesce(min(id), 0) FROM (SELECT id FROM "GatewayLog" WHERE "gatewayId" = ${caller.actor.id}::uuid ORDER BY id DESC LIMIT ${logLinesMax}) kept)`;
}

/** A gateway's clock may be ahead; nothing is stored as happening later than now (T17). */
function notLater(at: string, now: Date): Date {
  const date = new Date(at);
  return date > now ? now : date;
}
