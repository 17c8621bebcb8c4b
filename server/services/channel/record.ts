/** Stores the agent channels that a gateway reports, and keeps those alive that it still has. Rows of a gateway are written by nobody else. */
import type { ChannelReport } from "../../../contract/channel.ts";
import type { LiveEvent } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { publishAllLive } from "../change/publish.ts";
import { recordRelayPaths } from "../relay/record-paths.ts";

/** A channel that its gateway has not confirmed for this long is no location any more, milliseconds. */
export const channelAliveMs = 45_000;
/** All channels of a gateway are confirmed in one statement this often, milliseconds. */
const refreshEveryMs = 10_000;
/** Ended channels are kept this long for the agent's page, milliseconds. */
const keptMs = 7 * 86_400_000;

/** Ids named since the gateway said hello, until it has named all; and when its rows were last confirmed. Kept per connection. */
type Memory = { named: Set<string> | null; refreshedAt: number };
const memories = new WeakMap<Caller, Memory>();

/** Call it for every report, with or without channels in it: a connected gateway's report is what keeps its channels alive. The caller object is the connection's, the same for all its reports. */
export async function recordChannels(gateway: Caller, reports: readonly ChannelReport[], areComplete: boolean, now: Date = new Date()): Promise<void> {
  const memory = memories.get(gateway) ?? { named: new Set<string>(), refreshedAt: 0 };
  memories.set(gateway, memory);
  for (const report of reports) memory.named?.add(report.channelId);
  const isDue = now.getTime() - memory.refreshedAt >= refreshEveryMs;
  const named = areComplete ? memory.named : null;
  if (reports.length === 0 && named === null && !isDue) return;
  await gateway.db.$transaction(async (tx) => {
    const events = reports.length === 0 ? [] : await writeChannels(tx, gateway, reports, now);
    if (named !== null) await forgetOthers(tx, gateway, [...named], now);
    if (isDue) await confirmAll(tx, gateway, now);
    await publishAllLive(tx, gateway.organisationId, events);
  });
  if (areComplete) memory.named = null;
  if (isDue) memory.refreshedAt = now.getTime();
}

async function writeChannels(tx: Tx, gateway: Caller, reports: readonly ChannelReport[], now: Date): Promise<LiveEvent[]> {
  const newest = [...new Map(reports.map((report) => [report.channelId, report])).values()];
  const column = <T>(pick: (report: ChannelReport) => T): T[] => newest.map(pick);
  await tx.$executeRaw`
    INSERT INTO "AgentChannel" ("channelId", "organisationId", "agentId", "gatewayId", instance, "openedAt", "aliveUntil", source, "relayPath", "isListening", version, streams, "bytesUp", "bytesDown", "roundTripMs", "endedAt", "endReason")
    SELECT c.id, a."organisationId", a.id, ${gateway.actor.id}::uuid, c.instance, c.opened, ${new Date(now.getTime() + channelAliveMs)}, c.source, c.path, c.listening, c.version, c.streams, c.up, c.down, c.trip, c.ended, c.reason
      FROM unnest(${column((c) => c.channelId)}::uuid[], ${column((c) => c.agentId)}::uuid[], ${column((c) => c.instance)}::text[], ${column((c) => notLater(c.openedAt, now))}::timestamptz[], ${column((c) => c.source)}::text[],
                  ${column((c) => JSON.stringify(c.relayPath))}::jsonb[], ${column((c) => c.isListening)}::boolean[], ${column((c) => c.version)}::text[], ${column((c) => c.streams)}::int[], ${column((c) => BigInt(c.bytesUp))}::bigint[],
                  ${column((c) => BigInt(c.bytesDown))}::bigint[], ${column((c) => (c.roundTripMs === null ? null : Math.round(c.roundTripMs * 10) / 10))}::float8[], ${column((c) => (c.endedAt === null ? null : notLater(c.endedAt, now)))}::timestamptz[], ${column((c) => c.endReason)}::text[])
           AS c(id, agent, instance, opened, source, path, listening, version, streams, up, down, trip, ended, reason)
      JOIN "Agent" a ON a.id = c.agent AND a."organisationId" = ${gateway.organisationId}::uuid
    ON CONFLICT ("channelId") DO UPDATE SET "aliveUntil" = EXCLUDED."aliveUntil", "relayPath" = EXCLUDED."relayPath", streams = EXCLUDED.streams, "bytesUp" = EXCLUDED."bytesUp", "bytesDown" = EXCLUDED."bytesDown",
           "roundTripMs" = EXCLUDED."roundTripMs", "endedAt" = EXCLUDED."endedAt", "endReason" = EXCLUDED."endReason"
     WHERE "AgentChannel"."gatewayId" = ${gateway.actor.id}::uuid AND "AgentChannel"."organisationId" = ${gateway.organisationId}::uuid`;
  await recordRelayPaths(tx, gateway.organisationId, newest.filter((report) => report.endedAt === null));
  const agents = [...new Set(newest.map((report) => report.agentId))];
  return agents.length > 20 ? [{ topic: "channel", id: null }] : agents.map((id) => ({ topic: "channel" as const, id }));
}

/** After its first complete list: what the gateway did not name ended while nobody listened. Old history goes at the same time. */
async function forgetOthers(tx: Tx, gateway: Caller, named: readonly string[], now: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE "AgentChannel" SET "endedAt" = ${now}, "endReason" = 'its gateway was restarted or away'
     WHERE "gatewayId" = ${gateway.actor.id}::uuid AND "organisationId" = ${gateway.organisationId}::uuid AND "endedAt" IS NULL AND NOT ("channelId" = ANY(${[...named]}::uuid[]))`;
  await tx.agentChannel.deleteMany({ where: { gatewayId: gateway.actor.id, organisationId: gateway.organisationId, endedAt: { lt: new Date(now.getTime() - keptMs) } } });
}

async function confirmAll(tx: Tx, gateway: Caller, now: Date): Promise<void> {
  await tx.agentChannel.updateMany({ where: { gatewayId: gateway.actor.id, organisationId: gateway.organisationId, endedAt: null }, data: { aliveUntil: new Date(now.getTime() + channelAliveMs) } });
}

function notLater(at: string, now: Date): Date {
  const date = new Date(at);
  return date > now ? now : date;
}
