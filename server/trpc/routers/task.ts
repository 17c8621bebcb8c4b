/** Tasks: what the console has an agent do, now or when it next appears, and what came of it (S4-32, S4-43). */
import { byId } from "../../../contract/list.ts";
import { idReply } from "../../../contract/procedures.ts";
import { taskBatchCreate, taskBatchDetail, taskBatchList, taskBatchRows, taskCreate, taskCreateReply, taskDetail, taskList, taskRows } from "../../../contract/task-objects.ts";
import { cancelTask } from "../../services/task/cancel.ts";
import { createTask } from "../../services/task/create.ts";
import { getTask } from "../../services/task/get.ts";
import { listTasks } from "../../services/task/list.ts";
import { cancelTaskBatch } from "../../services/task-batch/cancel.ts";
import { createTaskBatch } from "../../services/task-batch/create.ts";
import { getTaskBatch } from "../../services/task-batch/get.ts";
import { listTaskBatches } from "../../services/task-batch/list.ts";
import { operateProcedure, readProcedure, rest, router } from "../init.ts";

export const taskRouter = router({
  list: readProcedure.meta(rest("GET", "/tasks", "tasks", "List tasks")).input(taskList).output(taskRows).query(({ ctx, input }) => listTasks(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/tasks/{id}", "tasks", "Read a task with its output and findings")).input(byId).output(taskDetail).query(({ ctx, input }) => getTask(ctx.caller, input)),
  create: operateProcedure.meta(rest("POST", "/tasks", "tasks", "Have an agent do something, now or when it next appears")).input(taskCreate).output(taskCreateReply).mutation(({ ctx, input }) => createTask(ctx.caller, input)),
  cancel: operateProcedure.meta(rest("POST", "/tasks/{id}/cancel", "tasks", "Cancel a task")).input(byId).output(idReply).mutation(({ ctx, input }) => cancelTask(ctx.caller, input)),
});

/** The same for many agents, a few at a time. */
export const taskBatchRouter = router({
  list: readProcedure.meta(rest("GET", "/task-batches", "task-batches", "List task batches")).input(taskBatchList).output(taskBatchRows).query(({ ctx, input }) => listTaskBatches(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/task-batches/{id}", "task-batches", "Read a task batch and how far it has come")).input(byId).output(taskBatchDetail).query(({ ctx, input }) => getTaskBatch(ctx.caller, input)),
  create: operateProcedure.meta(rest("POST", "/task-batches", "task-batches", "Have the agents of groups do something, a few at a time")).input(taskBatchCreate).output(idReply).mutation(({ ctx, input }) => createTaskBatch(ctx.caller, input)),
  cancel: operateProcedure.meta(rest("POST", "/task-batches/{id}/cancel", "task-batches", "Cancel a task batch")).input(byId).output(idReply).mutation(({ ctx, input }) => cancelTaskBatch(ctx.caller, input)),
});
