/**
 * The batch's row lock decides who takes one of its places. It is always taken before the rows of its tasks, and after the organisation's, so that no two writers
 * wait for each other.
 */
import type { Tx } from "../../db.ts";

export async function lockBatch(tx: Tx, batchId: string): Promise<void> {
  await lockBatches(tx, [batchId]);
}

export async function lockBatches(tx: Tx, batchIds: readonly string[]): Promise<void> {
  if (batchIds.length > 0) await tx.$queryRaw`SELECT 1 FROM "TaskBatch" WHERE id = ANY(${[...batchIds]}::uuid[]) ORDER BY id FOR UPDATE`;
}

/** All batches with a task that this agent may be given. */
export async function lockBatchesOfAgent(tx: Tx, agentId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "TaskBatch" WHERE state = 'running' AND id IN (SELECT "batchId" FROM "Task" WHERE "agentId" = ${agentId}::uuid AND state = 'waiting') ORDER BY id FOR UPDATE`;
}

/** Free places per batch. Call it under the batches' locks. */
export async function roomIn(tx: Tx, batchIds: readonly string[]): Promise<Map<string, number>> {
  if (batchIds.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ id: string; room: number }[]>`
    SELECT b.id, (b.concurrency - (SELECT count(*) FROM "Task" t WHERE t."batchId" = b.id AND t.state IN ('sent', 'running')))::int AS room
      FROM "TaskBatch" b WHERE b.id = ANY(${[...new Set(batchIds)]}::uuid[])`;
  return new Map(rows.map((row) => [row.id, Math.max(0, row.room)]));
}
