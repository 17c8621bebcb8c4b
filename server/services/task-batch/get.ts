/** One batch. Its tasks are listed by `task.list` with its id. */
import type { z } from "zod";
import { taskOrder } from "../../../contract/command.ts";
import type { taskBatchDetail } from "../../../contract/task-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { batchColumns, toBatchRow } from "./rows.ts";
import { countsOf } from "./settle.ts";

export async function getTaskBatch(caller: Caller, input: { id: string }): Promise<z.infer<typeof taskBatchDetail>> {
  const row = await caller.db.taskBatch.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { ...batchColumns, order: true, groupIds: true, concurrency: true, haltAtFailurePercent: true } });
  if (!row) throw notFound("task batch", input.id);
  const { order, groupIds, concurrency, haltAtFailurePercent, ...shown } = row;
  const groups = await caller.db.agentGroup.findMany({ where: { organisationId: caller.organisationId, id: { in: groupIds } }, orderBy: { nameKey: "asc" }, select: { id: true, name: true } });
  const counts = await caller.db.$transaction((tx) => countsOf(tx, row.id));
  return { ...toBatchRow(shown, counts), order: taskOrder.parse(order), groups, concurrency, haltAtFailurePercent };
}
