/** Cancels a batch: what waits ends at once, what agents have is cancelled there. */
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishKnock, publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { lockBatch } from "./lock.ts";
import { settleBatch } from "./settle.ts";

/** Throws `in-use` for a batch that is over. */
export async function cancelTaskBatch(caller: Caller, input: { id: string }): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { organisationId } = caller;
    const batch = await tx.taskBatch.findFirst({ where: { id: input.id, organisationId }, select: { id: true, name: true } });
    if (!batch) throw notFound("task batch", input.id);
    await lockBatch(tx, batch.id);
    const { state, endedAt } = await tx.taskBatch.findUniqueOrThrow({ where: { id: batch.id }, select: { state: true, endedAt: true } });
    if (endedAt !== null || state === "cancelled") throw new ConsoleError("in-use", `The batch "${batch.name}" is over (${state}); there is nothing to cancel.`);
    const now = new Date();
    const waiting = await tx.task.updateMany({ where: { batchId: batch.id, state: "waiting" }, data: { state: "cancelled", endedAt: now, message: "Cancelled with its batch before the agent took it." } });
    const taken = await tx.task.findMany({ where: { batchId: batch.id, state: { in: ["sent", "running"] } }, select: { agentId: true } });
    await tx.task.updateMany({ where: { batchId: batch.id, state: { in: ["sent", "running"] }, cancelWantedAt: null }, data: { cancelWantedAt: now } });
    await tx.taskBatch.update({ where: { id: batch.id }, data: { state: "cancelled" } });
    await recordAudit(tx, caller, { action: "task-batch.cancel", target: { kind: "task batch", id: batch.id, name: batch.name }, changes: [{ path: "cancelledWaiting", before: null, after: waiting.count }, { path: "cancelledRunning", before: null, after: taken.length }] });
    await publishKnock(tx, organisationId, taken.map((task) => task.agentId));
    await publishLive(tx, organisationId, { topic: "task", id: null });
    await settleBatch(tx, caller, batch.id);
    return { id: batch.id };
  });
}
