/** Tasks of the organisation, newest first unless told otherwise. */
import type { z } from "zod";
import type { taskList, taskRows } from "../../../contract/task-objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, pageOf } from "../object/list.ts";
import { taskColumns, toTaskRow } from "./rows.ts";

type Input = z.infer<typeof taskList>;

export async function listTasks(caller: Caller, input: Input): Promise<z.infer<typeof taskRows>> {
  const where: Prisma.TaskWhereInput = {
    organisationId: caller.organisationId,
    ...(input.agentId === undefined ? {} : { agentId: input.agentId }),
    ...(input.batchId === undefined ? {} : { batchId: input.batchId }),
    ...(input.state === undefined ? {} : { state: input.state }),
    ...(input.kind === undefined ? {} : { kind: input.kind }),
    ...searched(input.search),
  };
  const [rows, total] = await Promise.all([
    caller.db.task.findMany({ where, select: taskColumns, orderBy: [{ [input.sort]: direction(input) }, { createdAt: "desc" }, { id: "asc" }], ...pageOf(input) }),
    caller.db.task.count({ where }),
  ]);
  return { rows: rows.map(toTaskRow), total };
}

/** The text is looked for in the agent's and the batch's name and in who made the task. */
function searched(text: string): Prisma.TaskWhereInput {
  const found = containing(text);
  return found === undefined ? {} : { OR: [{ agent: { hostname: found } }, { batch: { name: found } }, { createdByName: found }] };
}
