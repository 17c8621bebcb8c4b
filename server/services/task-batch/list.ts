/** Batches of the organisation with how far each has come. */
import type { z } from "zod";
import { taskState } from "../../../contract/command.ts";
import type { taskBatchList, taskBatchRows } from "../../../contract/task-objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, pageOf } from "../object/list.ts";
import { batchColumns, toBatchRow } from "./rows.ts";
import type { Counts } from "./settle.ts";

type Input = z.infer<typeof taskBatchList>;

export async function listTaskBatches(caller: Caller, input: Input): Promise<z.infer<typeof taskBatchRows>> {
  const name = containing(input.search);
  const where: Prisma.TaskBatchWhereInput = { organisationId: caller.organisationId, ...(name === undefined ? {} : { name }), ...(input.state === undefined ? {} : { state: input.state }) };
  const [rows, total] = await Promise.all([
    caller.db.taskBatch.findMany({ where, select: batchColumns, orderBy: [{ [input.sort]: direction(input) }, { createdAt: "desc" }, { id: "asc" }], ...pageOf(input) }),
    caller.db.taskBatch.count({ where }),
  ]);
  const groups = await caller.db.task.groupBy({ by: ["batchId", "state"], where: { organisationId: caller.organisationId, batchId: { in: rows.map((row) => row.id) } }, _count: true });
  const counts = (id: string) => Object.fromEntries(taskState.options.map((state) => [state, groups.find((group) => group.batchId === id && group.state === state)?._count ?? 0])) as Counts;
  return { rows: rows.map((row) => toBatchRow(row, counts(row.id))), total };
}
