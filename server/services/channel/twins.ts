/**
 * Two machines with one identity (a cloned disk) whose channels are at different gateways: the newest is served, the gateway of the older one is told to end it and names
 * both (T22). Channels of one run of the agent may overlap: that is a hand-over.
 */
import type { ChannelReport } from "../../../contract/channel.ts";
import type { Caller } from "../caller.ts";
import { publishChannelElsewhere } from "../change/publish.ts";
import { iso } from "../object/list.ts";

/** Pairs that are told of at once; the others with the next report. */
const pairsMax = 500;

type Pair = { agentId: string; olderGatewayId: string; instance: string; openedAt: Date; source: string };

/** Call it behind what stores the reports. A gateway that does not hear it is told again when the newer channel is reported again. */
export async function endOlderTwins(gateway: Caller, reports: readonly ChannelReport[], now: Date = new Date()): Promise<void> {
  const open = reports.filter((report) => report.endedAt === null).map((report) => report.channelId);
  if (open.length === 0) return;
  const { organisationId } = gateway;
  const pairs = await gateway.db.$queryRaw<Pair[]>`
    SELECT DISTINCT n."agentId"::text AS "agentId", o."gatewayId"::text AS "olderGatewayId", n.instance, n."openedAt", n.source
      FROM "AgentChannel" r
      JOIN "AgentChannel" t ON t."agentId" = r."agentId" AND t."organisationId" = r."organisationId" AND t."gatewayId" <> r."gatewayId" AND t.instance <> r.instance AND t."endedAt" IS NULL AND t."aliveUntil" > ${now}
      JOIN "AgentChannel" n ON n."channelId" = CASE WHEN (r."openedAt", r."channelId") > (t."openedAt", t."channelId") THEN r."channelId" ELSE t."channelId" END
      JOIN "AgentChannel" o ON o."channelId" = CASE WHEN n."channelId" = r."channelId" THEN t."channelId" ELSE r."channelId" END
     WHERE r."channelId" = ANY(${open}::uuid[]) AND r."organisationId" = ${organisationId}::uuid AND r."gatewayId" = ${gateway.actor.id}::uuid AND r."endedAt" IS NULL
     LIMIT ${pairsMax}`;
  if (pairs.length === 0) return;
  await gateway.db.$transaction(async (tx) => {
    for (const { agentId, olderGatewayId, instance, openedAt, source } of pairs) await publishChannelElsewhere(tx, organisationId, olderGatewayId, { agentId, instance, openedAt: iso(openedAt), source });
  });
}
