/** Cancels a task: at once while it waits, by a signed command of its own once the agent has it. */
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishKnock, publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { lockBatch } from "../task-batch/lock.ts";
import { settleBatch } from "../task-batch/settle.ts";
import { endTask } from "./end.ts";

/** Throws `in-use` for a task that has ended. Cancelling twice is the same as once. */
export async function cancelTask(caller: Caller, input: { id: string }): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const where = { id: input.id, organisationId: caller.organisationId };
    const found = await tx.task.findFirst({ where, select: { batchId: true } });
    if (!found) throw notFound("task", input.id);
    if (found.batchId !== null) await lockBatch(tx, found.batchId);
    await tx.$queryRaw`SELECT 1 FROM "Task" WHERE id = ${input.id}::uuid FOR UPDATE`;
    const task = await tx.task.findFirstOrThrow({ where, select: { id: true, agentId: true, batchId: true, state: true, cancelWantedAt: true, agent: { select: { hostname: true } } } });
    await cancelOne(tx, caller, { ...task, agentName: task.agent.hostname });
    if (task.batchId !== null) await settleBatch(tx, caller, task.batchId);
    return { id: task.id };
  });
}

type Task = { id: string; agentId: string; agentName: string; state: string; cancelWantedAt: Date | null };

async function cancelOne(tx: Tx, caller: Caller, task: Task): Promise<void> {
  if (task.state === "waiting") {
    await endTask(tx, caller, task, { state: "cancelled", message: "Cancelled before the agent took it.", action: "task.cancel" });
    return;
  }
  if (task.state !== "sent" && task.state !== "running") throw new ConsoleError("in-use", `The task has ended already (${task.state}); there is nothing to cancel.`);
  if (task.cancelWantedAt !== null) return;
  await tx.task.update({ where: { id: task.id }, data: { cancelWantedAt: new Date() } });
  await recordAudit(tx, caller, { action: "task.cancel", target: { kind: "task", id: task.id, name: task.agentName }, changes: [{ path: "isCancelWanted", before: false, after: true }] });
  await publishLive(tx, caller.organisationId, { topic: "task", id: task.id });
  await publishKnock(tx, caller.organisationId, [task.agentId]);
}
