/** Takes back scripts that have not been given to their agents when whoever ordered them has lost the right to: a queue must not outlive a revocation. */
import type { Tx } from "../../db.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { lockBatches } from "../task-batch/lock.ts";
import { settleBatch } from "../task-batch/settle.ts";

/** Those that an agent has already go on, and can be cancelled. Call it in the transaction that ends the right, behind its audit event (which takes the organisation's lock). */
export async function withdrawScripts(tx: Tx, caller: Caller, of: { kind: "user" | "api-key"; id: string; name: string }, why: string): Promise<void> {
  const where = { organisationId: caller.organisationId, createdById: of.id, kind: "run-script", state: "waiting" };
  const waiting = await tx.task.groupBy({ by: ["batchId"], where });
  if (waiting.length === 0) return;
  const batchIds = waiting.flatMap(({ batchId }) => batchId ?? []);
  await lockBatches(tx, batchIds);
  const { count } = await tx.task.updateMany({ where, data: { state: "cancelled", endedAt: new Date(), message: `Cancelled before the agent took it: ${why}.` } });
  await recordAudit(tx, caller, { action: "task.cancel", target: of, changes: [{ path: "cancelledWaiting", before: null, after: count }, { path: "reason", before: null, after: why }] });
  await publishLive(tx, caller.organisationId, { topic: "task", id: null });
  for (const batchId of batchIds) await settleBatch(tx, caller, batchId);
}
