/** Inputs and outputs of the console's procedures for tasks; same rules as objects.ts. */
import { z } from "zod";
import { taskKind, taskOrder, taskResult, taskState } from "./command.ts";
import { listInput, listOutput } from "./list.ts";

const when = z.string();
const ref = z.object({ id: z.string(), name: z.string() });
/** How long a task may wait for an agent that is away, minutes: an hour unless told; at most 30 days. */
const expiresInMinutes = z.number().int().min(1).max(43_200).default(60);

export const taskCreate = z.strictObject({ agentId: z.uuid(), order: taskOrder, expiresInMinutes });
/** Over groups: at most `concurrency` at once; stops giving out new ones when more than `haltAtFailurePercent` of at least 5 finished ones have failed. */
export const taskBatchCreate = z.strictObject({
  name: z.string().trim().min(1).max(80),
  groupIds: z.array(z.uuid()).max(200).default([]),
  agentIds: z.array(z.uuid()).max(10_000).default([]),
  order: taskOrder,
  expiresInMinutes,
  concurrency: z.number().int().min(1).max(1_000).default(20),
  haltAtFailurePercent: z.number().int().min(1).max(100).default(20),
}).refine((batch) => batch.groupIds.length + batch.agentIds.length > 0, { path: ["groupIds"], error: "choose at least one group or agent" });
export const taskList = listInput(["createdAt", "state", "kind"], "createdAt").extend({ agentId: z.uuid().optional(), batchId: z.uuid().optional(), state: taskState.optional(), kind: taskKind.optional() });
export const taskRow = z.object({ id: z.string(), kind: taskKind, state: taskState, agent: ref, batch: ref.nullable(), createdBy: z.string(), createdAt: when, expiresAt: when, sentAt: when.nullable(), startedAt: when.nullable(), endedAt: when.nullable(), progress: z.number().nullable(), message: z.string(), exitCode: z.number().nullable(), isCancelWanted: z.boolean() });
export const taskRows = listOutput(taskRow);
export const taskDetail = taskRow.extend({ order: taskOrder, output: z.string(), isOutputCut: z.boolean(), findings: taskResult.shape.findings.unwrap(), rejection: z.object({ code: z.string(), detail: z.string(), sentence: z.string(), cure: z.string() }).nullable() });
export const taskCreateReply = z.object({ id: z.string(), /** True: the agent has been told now; false: it takes the task when it next appears. */ isAgentTold: z.boolean() });
export const taskBatchState = z.enum(["running", "done", "halted", "cancelled"]);
export const taskBatchList = listInput(["createdAt", "name", "state"], "createdAt").extend({ state: taskBatchState.optional() });
export const taskBatchRow = z.object({ id: z.string(), name: z.string(), kind: taskKind, state: taskBatchState, createdBy: z.string(), createdAt: when, endedAt: when.nullable(), total: z.number(), counts: z.record(taskState, z.number()), haltReason: z.string().nullable() });
export const taskBatchRows = listOutput(taskBatchRow);
export const taskBatchDetail = taskBatchRow.extend({ order: taskOrder, groups: z.array(ref), concurrency: z.number(), haltAtFailurePercent: z.number() });
