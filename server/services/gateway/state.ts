/** A gateway's state, derived from its columns: once in TypeScript for rows, once in SQL for sorting and filtering. The test compares the two. */
import { gatewayState, type GatewayState } from "../../../contract/states.ts";
import { Prisma } from "../../db.ts";

/** A connected gateway that said nothing for this long is shown as disconnected, ms: the console that held its connection may be gone without a word. */
export const gatewaySilentMs = 30_000;

export const gatewayStateColumns = { enrolledAt: true, connectedSince: true, lastSeenAt: true, status: true, refusedRevision: true, appliedRevision: true } as const;
export type GatewayStateRow = { enrolledAt: Date | null; connectedSince: Date | null; lastSeenAt: Date | null; status: unknown; refusedRevision: number; appliedRevision: number };

export function gatewayStateOf(row: GatewayStateRow, now: Date = new Date()): GatewayState {
  if (row.enrolledAt === null) return "waiting";
  const silentMs = row.lastSeenAt === null ? Number.POSITIVE_INFINITY : now.getTime() - row.lastSeenAt.getTime();
  if (row.connectedSince === null || silentMs >= gatewaySilentMs) return "disconnected";
  if (isDraining(row.status)) return "draining";
  return row.refusedRevision > row.appliedRevision ? "refused-snapshot" : "connected";
}

/** The same as an SQL expression over table alias `g`. */
export function gatewayStateSql(now: Date = new Date()): Prisma.Sql {
  const silentSince = new Date(now.getTime() - gatewaySilentMs);
  return Prisma.sql`CASE WHEN g."enrolledAt" IS NULL THEN 'waiting'
    WHEN g."connectedSince" IS NULL OR g."lastSeenAt" IS NULL OR g."lastSeenAt" <= ${silentSince}::timestamptz THEN 'disconnected'
    WHEN g.status->>'isDraining' = 'true' THEN 'draining'
    WHEN g."refusedRevision" > g."appliedRevision" THEN 'refused-snapshot' ELSE 'connected' END`;
}

/** States in the order in which a list sorted by state shows them. */
export function gatewayStateRankSql(now: Date = new Date()): Prisma.Sql {
  return Prisma.sql`array_position(${[...gatewayState.options]}::text[], ${gatewayStateSql(now)})`;
}

function isDraining(status: unknown): boolean {
  return typeof status === "object" && status !== null && "isDraining" in status && status.isDraining === true;
}
