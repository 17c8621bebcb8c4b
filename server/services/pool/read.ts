/** A pool's rows as the contract's settings. */
import { passiveCheck } from "../../../contract/health-check.ts";
import { memberState, scheduling, type SnapshotMember } from "../../../contract/pool.ts";
import type { Db, Prisma, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { healthCheckOf } from "./check-facts.ts";

export const memberColumns = { id: true, name: true, host: true, port: true, weight: true, maxConnections: true, state: true } as const satisfies Prisma.PoolMemberSelect;
export const poolSettingsColumns = {
  name: true, scheduling: true, failsBack: true, isSessionBound: true, healthCheck: true, passiveCheck: true, note: true,
  members: { select: memberColumns, orderBy: [{ ordinal: "asc" }, { id: "asc" }] },
} as const satisfies Prisma.PoolSelect;
type Row = Prisma.PoolGetPayload<{ select: typeof poolSettingsColumns }>;

/** Throws when a row holds what the contract does not know: nothing but the console writes them. */
export function poolSettingsOf(row: Row) {
  const { name, failsBack, isSessionBound, note } = row;
  return {
    name, scheduling: scheduling.parse(row.scheduling), failsBack, isSessionBound, healthCheck: healthCheckOf(row.healthCheck), passiveCheck: passiveCheck.nullable().parse(row.passiveCheck), note,
    members: row.members.map((member): SnapshotMember => ({ ...member, state: memberState.parse(member.state) })),
  };
}

export type PoolSettings = ReturnType<typeof poolSettingsOf>;

export async function readPool(reader: Db | Tx, caller: Caller, id: string): Promise<PoolSettings> {
  const row = await reader.pool.findFirst({ where: { id, organisationId: caller.organisationId }, select: poolSettingsColumns });
  if (!row) throw notFound("pool", id);
  return poolSettingsOf(row);
}
