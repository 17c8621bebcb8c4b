/** One task with its order, its output and what the agent found. */
import type { z } from "zod";
import type { taskDetail } from "../../../contract/task-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { taskDetailColumns, toTaskDetail } from "./rows.ts";

export async function getTask(caller: Caller, input: { id: string }): Promise<z.infer<typeof taskDetail>> {
  const row = await caller.db.task.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: taskDetailColumns });
  if (!row) throw notFound("task", input.id);
  return toTaskDetail(row);
}
