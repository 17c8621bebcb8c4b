/** Which commands wait for an agent: tasks not given out, tasks whose answer seems lost, and cancellations. */
import { randomBytes } from "node:crypto";
import type { Db, Tx } from "../../db.ts";

/**
 * A command that was given out and not heard of is given out once more: the answer that carried it was lost. An agent tells what it has taken before it asks again,
 * so there is little to wait for, ms.
 */
export const offerAgainAfterMs = 5_000;

export type DueTask = { id: string; state: string; order: unknown; batchId: string | null; expiresAt: Date };
export type DueCancel = { id: string; cancelId: string | null };

/** In the order they were made. A task of a batch counts while its batch has room; `lock` keeps them for this transaction. */
export async function dueTasks(tx: Tx, agentId: string, now: Date, max: number): Promise<DueTask[]> {
  const lostBefore = new Date(now.getTime() - offerAgainAfterMs);
  return tx.$queryRaw<DueTask[]>`
    SELECT t.id, t.state, t."order", t."batchId", t."expiresAt" FROM "Task" t LEFT JOIN "TaskBatch" b ON b.id = t."batchId"
     WHERE t."agentId" = ${agentId}::uuid AND t."cancelWantedAt" IS NULL AND (t."expiresAt" > ${now} OR t."batchId" IS NOT NULL)
       AND (t.state = 'sent' AND t."sentAt" < ${lostBefore}
            OR t.state = 'waiting' AND (b.id IS NULL OR b.state = 'running' AND b.concurrency > (SELECT count(*) FROM "Task" o WHERE o."batchId" = b.id AND o.state IN ('sent', 'running'))))
     ORDER BY t."createdAt", t.id LIMIT ${max} FOR UPDATE OF t SKIP LOCKED`;
}

/** Cancellations that were never given out, or whose effect has not been heard of. */
export async function dueCancels(reader: Db | Tx, agentId: string, now: Date, max: number): Promise<DueCancel[]> {
  const rows = await reader.task.findMany({ where: { agentId, state: { in: ["sent", "running"] }, cancelWantedAt: { not: null } }, orderBy: { cancelWantedAt: "asc" }, take: max, select: { id: true, cancelId: true } });
  return rows.filter((row) => row.cancelId === null || timeOf(row.cancelId) < now.getTime() - offerAgainAfterMs);
}

/** A cancellation's id: a UUID of version 7 (RFC 9562 section 5.7), so that the id itself tells when it was last given out. */
export function makeCancelId(now: Date): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now.getTime(), 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function timeOf(cancelId: string): number {
  return Number.parseInt(cancelId.replaceAll("-", "").slice(0, 12), 16);
}
