/**
 * What agents did not carry out, and why (S4-33, S4-43): each is audited with its code. A refused task ends; a repeated command changes nothing, because the agent
 * has carried out the first one or is about to.
 */
import type { z } from "zod";
import type { commandRejection } from "../../../contract/command.ts";
import type { Tx } from "../../db.ts";
import { agentAuditLimit, takeAttempt } from "../attempts/take.ts";
import { recordAudits } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { writeInOrganisation } from "../object/write.ts";
import { lockBatch } from "../task-batch/lock.ts";
import { settleBatch } from "../task-batch/settle.ts";
import { endTask } from "./end.ts";

type Rejection = z.infer<typeof commandRejection>;

/** The caller is the agent itself; only its own tasks can be refused by it. Throws `rate-limited`: it tries again later. */
export async function recordRejections(caller: Caller, agentId: string, rejections: readonly Rejection[]): Promise<void> {
  await takeAttempt(caller.db, agentAuditLimit(agentId));
  await writeInOrganisation(caller, async (tx) => {
    const others: Rejection[] = [];
    for (const rejection of rejections) if (!(await rejectTask(tx, caller, agentId, rejection))) others.push(rejection);
    await auditOthers(tx, caller, agentId, others);
  });
}

/** True: a task of this agent has ended by it. */
async function rejectTask(tx: Tx, caller: Caller, agentId: string, rejection: Rejection): Promise<boolean> {
  const { commandId, code, detail } = rejection;
  if (commandId === null || code === "command-replayed") return false;
  const task = await tx.task.findFirst({ where: { id: commandId, agentId, organisationId: caller.organisationId, state: "sent" }, select: { id: true, agentId: true, batchId: true, state: true, agent: { select: { hostname: true } } } });
  if (!task) return false;
  if (task.batchId !== null) await lockBatch(tx, task.batchId);
  const isEnded = await endTask(tx, caller, { ...task, agentName: task.agent.hostname }, { state: "rejected", message: "The agent refused the command.", from: ["sent"], data: { rejection: { code, detail } }, action: "task.rejected", details: { code, detail } });
  if (task.batchId !== null) await settleBatch(tx, caller, task.batchId);
  return isEnded;
}

/** Commands that are no open task of this agent: one event per code, however many came. */
async function auditOthers(tx: Tx, caller: Caller, agentId: string, others: readonly Rejection[]): Promise<void> {
  const byCode = Map.groupBy(others, (rejection) => rejection.code);
  const target = { kind: "agent", id: agentId, name: caller.actor.name };
  await recordAudits(tx, caller, [...byCode].map(([code, list]) => ({
    action: "task.rejected",
    target,
    changes: Object.entries({ code, detail: list[0]?.detail ?? "", commandIds: [...new Set(list.flatMap((rejection) => rejection.commandId ?? []))].slice(0, 20), commands: list.length }).map(([path, after]) => ({ path, before: null, after })),
  })));
}
