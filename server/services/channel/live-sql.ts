/** What makes a channel live, in SQL over aliases `c` (AgentChannel) and `g` (its Gateway); locate.ts has the same as a filter. */
import { Prisma } from "../../db.ts";
import { gatewaySilentMs } from "../gateway/state.ts";

export function liveChannelSql(now: Date): Prisma.Sql {
  return Prisma.sql`c."endedAt" IS NULL AND c."aliveUntil" > ${now}::timestamptz AND g."connectedSince" IS NOT NULL AND g."lastSeenAt" > ${new Date(now.getTime() - gatewaySilentMs)}::timestamptz`;
}
