/** Takes in progress and ends of tasks. A result counts once, by its sequence; whatever comes after the end changes nothing. */
import { type TaskOrder, taskOrder, type TaskResult } from "../../../contract/command.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { agentAuditLimit, takeAttempt } from "../attempts/take.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { lockBatch } from "../task-batch/lock.ts";
import { settleBatch } from "../task-batch/settle.ts";
import { endTask } from "./end.ts";
import { openResult, proofOf } from "./open-result.ts";

/** Characters of output that are kept of a task other than a script, which states its own limit. */
const outputMax = 4_000_000;

type TaskRow = { id: string; agentId: string; batchId: string | null; state: string; order: unknown; agentName: string };

/**
 * The caller is the agent itself; `agentId` comes from its certificate. Results that prove themselves are taken in even when others of the upload do not; then
 * throws `command-invalid`, and the refusal is audited, once for the upload.
 */
export async function recordResults(caller: Caller, agentId: string, sealed: readonly string[]): Promise<void> {
  const proof = await proofOf(caller, agentId);
  const refused: ConsoleError[] = [];
  for (const one of sealed) {
    try {
      await recordResult(caller, agentId, await openResult(caller, proof, one));
    } catch (error) {
      if (!(error instanceof ConsoleError && (error.code === "command-invalid" || error.code === "not-found"))) throw error;
      refused.push(error);
    }
  }
  const [first] = refused;
  if (!first) return;
  await takeAttempt(caller.db, agentAuditLimit(agentId));
  await caller.db.$transaction((tx) => recordAudit(tx, caller, { action: "task.result-refused", target: { kind: "agent", id: agentId, name: caller.actor.name }, changes: [{ path: "reason", before: null, after: first.message }, { path: "results", before: null, after: refused.length }] }));
  throw new ConsoleError("command-invalid", first.message, { cause: first });
}

async function recordResult(caller: Caller, agentId: string, result: TaskResult): Promise<void> {
  // Another agent's task is answered like one that exists nowhere.
  const task = await caller.db.task.findFirst({ where: { id: result.taskId, agentId, organisationId: caller.organisationId }, select: { id: true, agentId: true, batchId: true, state: true, order: true, agent: { select: { hostname: true } } } });
  if (!task) throw notFound("task", result.taskId);
  const row = { ...task, agentName: task.agent.hostname };
  if (result.state === "running") return caller.db.$transaction((tx) => recordProgress(tx, caller, row, result));
  await writeInOrganisation(caller, (tx) => recordEnd(tx, caller, row, result));
}

async function recordProgress(tx: Tx, caller: Caller, task: TaskRow, result: TaskResult): Promise<void> {
  if (!(await takeSequence(tx, task, result))) return;
  await tx.task.updateMany({ where: { id: task.id, state: { in: ["sent", "running"] } }, data: { state: "running", progress: result.progress, message: clean(result.message) } });
  await publishLive(tx, caller.organisationId, { topic: "task", id: task.id });
}

async function recordEnd(tx: Tx, caller: Caller, task: TaskRow, result: TaskResult): Promise<void> {
  if (task.batchId !== null) await lockBatch(tx, task.batchId);
  if (!(await takeSequence(tx, task, result))) return;
  const state = result.state === "running" ? "failed" : result.state; // running was handled by the caller
  const findings = result.findings.map((finding) => ({ ...finding, subject: clean(finding.subject), detail: clean(finding.detail) }));
  await endTask(tx, caller, task, {
    state,
    message: clean(result.message),
    data: { progress: result.progress, exitCode: result.exitCode, findings },
    action: "task.end",
    details: { exitCode: result.exitCode },
  });
  if (task.batchId !== null) await settleBatch(tx, caller, task.batchId);
}

/** Appends the output unless this sequence, or a later one, was taken in before. False: nothing is to be done. */
async function takeSequence(tx: Tx, task: TaskRow, result: TaskResult): Promise<boolean> {
  const room = outputRoom(taskOrder.safeParse(task.order).data);
  const output = clean(result.output);
  const changed = await tx.$executeRaw(Prisma.sql`
    UPDATE "Task" SET sequence = ${result.sequence}, "startedAt" = COALESCE("startedAt", now()), "sentAt" = COALESCE("sentAt", now()),
           output = CASE WHEN ${output} = '' THEN output ELSE left(output || ${output}, ${room}) END,
           "isOutputCut" = "isOutputCut" OR ${result.isOutputCut} OR length(output) + length(${output}) > ${room}
     WHERE id = ${task.id}::uuid AND sequence < ${result.sequence} AND state IN ('waiting', 'sent', 'running')`);
  return changed > 0;
}

function outputRoom(order: TaskOrder | undefined): number {
  return order?.kind === "run-script" ? order.outputMaxBytes : outputMax;
}

/** Text as PostgreSQL can hold it: whole characters and no NUL. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\ufffd");
}
