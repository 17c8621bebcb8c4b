/** An agent's state, derived from its columns: once in TypeScript for rows, once in SQL for sorting and filtering. The test compares the two. */
import { type AgentState, agentState, presenceLateMs, presenceOnlineMs } from "../../../contract/states.ts";
import { Prisma } from "../../db.ts";

export const agentStateColumns = { enrolledAt: true, revokedAt: true, awaitsApproval: true, lastSeenAt: true } as const;
export type AgentStateRow = { enrolledAt: Date | null; revokedAt: Date | null; awaitsApproval: boolean; lastSeenAt: Date | null };

/** Revoked before all else; then by the age of the last proof over the data path (N8). */
export function agentStateOf(row: AgentStateRow, now: Date = new Date()): AgentState {
  if (row.revokedAt !== null) return "revoked";
  if (row.enrolledAt === null) return "pending";
  if (row.awaitsApproval) return "unapproved";
  const ageMs = row.lastSeenAt === null ? Number.POSITIVE_INFINITY : now.getTime() - row.lastSeenAt.getTime();
  if (ageMs < presenceOnlineMs) return "online";
  return ageMs < presenceLateMs ? "late" : "offline";
}

/** The same as an SQL expression over table alias `a`. */
export function agentStateSql(now: Date = new Date()): Prisma.Sql {
  const online = new Date(now.getTime() - presenceOnlineMs);
  const late = new Date(now.getTime() - presenceLateMs);
  return Prisma.sql`CASE WHEN a."revokedAt" IS NOT NULL THEN 'revoked' WHEN a."enrolledAt" IS NULL THEN 'pending' WHEN a."awaitsApproval" THEN 'unapproved'
    WHEN a."lastSeenAt" > ${online}::timestamptz THEN 'online' WHEN a."lastSeenAt" > ${late}::timestamptz THEN 'late' ELSE 'offline' END`;
}

/** States in the order in which a list sorted by state shows them. */
export function agentStateRankSql(now: Date = new Date()): Prisma.Sql {
  return Prisma.sql`array_position(${[...agentState.options]}::text[], ${agentStateSql(now)})`;
}
