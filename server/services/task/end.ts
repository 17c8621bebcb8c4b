/**
 * Ends a task. States: waiting -> sent -> running -> done | failed | cancelled, and from waiting or sent to cancelled, expired or rejected. An end is final: whatever
 * comes later changes nothing. The end, its audit event and what follows for a batch are one transaction.
 */
import type { TaskState } from "../../../contract/command.ts";
import type { Prisma, Tx } from "../../db.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";

export const openStates = ["waiting", "sent", "running"] as const satisfies readonly TaskState[];
export type EndState = Exclude<TaskState, (typeof openStates)[number]>;

export type TaskEnd = {
  state: EndState;
  message: string;
  /** More columns that the end sets, such as the output of the last result. */
  data?: Prisma.TaskUpdateManyMutationInput;
  /** Only from these states; all open ones when left out. */
  from?: readonly TaskState[];
  action: "task.end" | "task.cancel" | "task.rejected";
  details?: Record<string, unknown>;
};

/** False: the task had ended already, and nothing was changed. The caller's transaction holds the organisation's lock and afterwards settles the batch. */
export async function endTask(tx: Tx, caller: Caller, task: { id: string; agentId: string; agentName: string; state: string }, end: TaskEnd): Promise<boolean> {
  const { organisationId } = caller;
  const { count } = await tx.task.updateMany({ where: { id: task.id, organisationId, state: { in: [...(end.from ?? openStates)] } }, data: { ...end.data, state: end.state, message: end.message, endedAt: new Date() } });
  if (count === 0) return false;
  const details = Object.entries(end.details ?? {}).map(([path, after]) => ({ path, before: null, after }));
  await recordAudit(tx, caller, { action: end.action, target: { kind: "task", id: task.id, name: task.agentName }, changes: [{ path: "state", before: task.state, after: end.state }, ...details] });
  await publishLive(tx, organisationId, { topic: "task", id: task.id });
  return true;
}
