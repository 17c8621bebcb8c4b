/**
 * Looks at a batch after something about its tasks changed. States: running -> done (every task has ended) | halted (too many failed) | cancelled (somebody wished so).
 * While it runs, free places are filled by telling agents that hold a channel to fetch; the others learn it from their next report.
 */
import type { TaskState } from "../../../contract/command.ts";
import { taskState } from "../../../contract/command.ts";
import type { Tx } from "../../db.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishKnock, publishLive } from "../change/publish.ts";

/** Fewer ended tasks than this say nothing about a rate. */
const judgedAfter = 5;

export type Counts = Record<TaskState, number>;
type Batch = { id: string; name: string; state: string; concurrency: number; haltAtFailurePercent: number; endedAt: Date | null };

/** The caller's transaction holds the locks of the organisation and of the batch. */
export async function settleBatch(tx: Tx, caller: Caller, batchId: string): Promise<void> {
  const { organisationId } = caller;
  const batch = await tx.taskBatch.findFirst({ where: { id: batchId, organisationId }, select: { id: true, name: true, state: true, concurrency: true, haltAtFailurePercent: true, endedAt: true } });
  if (!batch || batch.endedAt !== null) return;
  const counts = await countsOf(tx, batchId);
  const rate = failureRate(counts);
  if (batch.state === "running" && rate !== null && rate > batch.haltAtFailurePercent) await halt(tx, caller, batch, rate);
  else if (counts.waiting + counts.sent + counts.running === 0) await end(tx, caller, batch);
  else if (batch.state === "running") await knockNext(tx, organisationId, batch, batch.concurrency - counts.sent - counts.running);
  await publishLive(tx, organisationId, { topic: "taskBatch", id: batchId });
}

/** Tasks per state; every state has a number. */
export async function countsOf(tx: Tx, batchId: string): Promise<Counts> {
  const groups = await tx.task.groupBy({ by: ["state"], where: { batchId }, _count: true });
  const found = new Map(groups.map((group) => [group.state, group._count]));
  return Object.fromEntries(taskState.options.map((state) => [state, found.get(state) ?? 0])) as Counts;
}

/** Percent of those that ended by running or by refusal; null while there are too few. An agent that stayed away has not failed. */
export function failureRate(counts: Pick<Counts, "done" | "failed" | "rejected">): number | null {
  const failed = counts.failed + counts.rejected;
  const ended = counts.done + failed;
  return ended < judgedAfter ? null : (100 * failed) / ended;
}

async function halt(tx: Tx, caller: Caller, batch: Batch, rate: number): Promise<void> {
  const haltReason = `${Math.round(rate)} % of the tasks that ended have failed, more than the ${batch.haltAtFailurePercent} % at which the batch stops.`;
  const { count } = await tx.task.updateMany({ where: { batchId: batch.id, state: "waiting" }, data: { state: "cancelled", endedAt: new Date(), message: "The batch was halted before this task was given out." } });
  await tx.taskBatch.update({ where: { id: batch.id }, data: { state: "halted", haltReason } });
  await recordAudit(tx, caller, { action: "task-batch.halt", target: { kind: "task batch", id: batch.id, name: batch.name }, changes: [{ path: "haltReason", before: null, after: haltReason }, { path: "notGivenOut", before: null, after: count }] });
  const counts = await countsOf(tx, batch.id);
  if (counts.sent + counts.running === 0) await tx.taskBatch.update({ where: { id: batch.id }, data: { endedAt: new Date() } });
}

async function end(tx: Tx, caller: Caller, batch: Batch): Promise<void> {
  const state = batch.state === "running" ? "done" : batch.state;
  await tx.taskBatch.update({ where: { id: batch.id }, data: { state, endedAt: new Date() } });
  if (batch.state === "running") await recordAudit(tx, caller, { action: "task-batch.end", target: { kind: "task batch", id: batch.id, name: batch.name } });
}

async function knockNext(tx: Tx, organisationId: string, batch: Batch, room: number): Promise<void> {
  if (room <= 0) return;
  const next = await tx.$queryRaw<{ agentId: string }[]>`
    SELECT t."agentId" FROM "Task" t
     WHERE t."batchId" = ${batch.id}::uuid AND t.state = 'waiting'
       AND EXISTS (SELECT 1 FROM "AgentChannel" c WHERE c."agentId" = t."agentId" AND c."endedAt" IS NULL AND c."aliveUntil" > now())
     ORDER BY t."createdAt", t.id LIMIT ${room}`;
  await publishKnock(tx, organisationId, next.map((row) => row.agentId));
}
