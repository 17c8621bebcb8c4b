/** What an agent fetches: its tasks and cancellations as sealed commands. Fetching marks a task as sent. */
import type { z } from "zod";
import { type commandList, commandsMax, publicJwk, taskOrder } from "../../../contract/command.ts";
import type { Tx } from "../../db.ts";
import { openToken } from "../agent/keys.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { lockBatchesOfAgent, roomIn } from "../task-batch/lock.ts";
import { dueCancels, type DueTask, dueTasks, makeCancelId } from "./due.ts";
import { type CommandTarget, writeCommand } from "./write-command.ts";

/** Characters of one answer; what does not fit waits for the next fetch, which follows at once because more is waiting. */
const answerMax = 700_000;
/** A task of a batch that waited long for its turn still has this time to begin, ms. */
const batchStartMs = 10 * 60_000;

/** The caller is the agent itself. An agent without keys, or one that waits for approval, gets none. */
export async function commandsFor(caller: Caller, agentId: string, now: Date = new Date()): Promise<z.infer<typeof commandList>> {
  return caller.db.$transaction(async (tx) => {
    const target = await targetOf(tx, caller.organisationId, agentId);
    if (!target) return { commands: [] };
    const commands = await writeCancels(tx, target, now);
    await lockBatchesOfAgent(tx, agentId);
    const due = await dueTasks(tx, agentId, now, commandsMax - commands.length);
    const room = await roomIn(tx, due.flatMap((task) => task.batchId ?? []));
    let length = commands.reduce((sum, command) => sum + command.length, 0);
    for (const task of due) {
      if (!takeRoom(room, task)) continue;
      const expiresAt = expiryOf(task, now);
      const command = await writeCommand(tx, target, { id: task.id, expiresAt, command: { kind: "task", order: taskOrder.parse(task.order) } }, now);
      length += command.length;
      if (length > answerMax && commands.length > 0) break;
      commands.push(command);
      await tx.task.update({ where: { id: task.id }, data: { state: "sent", sentAt: now, expiresAt } });
      await publishLive(tx, caller.organisationId, { topic: "task", id: task.id });
    }
    return { commands };
  });
}

async function targetOf(tx: Tx, organisationId: string, agentId: string): Promise<CommandTarget | undefined> {
  const agent = await tx.agent.findFirst({ where: { id: agentId, organisationId, revokedAt: null, awaitsApproval: false }, select: { encryptionKey: true, sealedToken: true } });
  const key = publicJwk.safeParse(agent?.encryptionKey);
  if (!agent?.sealedToken || !key.success) return undefined;
  return { organisationId, agentId, encryptionKey: key.data, token: openToken(agent.sealedToken) };
}

async function writeCancels(tx: Tx, target: CommandTarget, now: Date): Promise<string[]> {
  const commands: string[] = [];
  for (const cancel of await dueCancels(tx, target.agentId, now, commandsMax)) {
    const cancelId = makeCancelId(now);
    await tx.task.update({ where: { id: cancel.id }, data: { cancelId } });
    commands.push(await writeCommand(tx, target, { id: cancelId, expiresAt: new Date(now.getTime() + batchStartMs), command: { kind: "cancel", taskId: cancel.id } }, now));
  }
  return commands;
}

/** One place in the batch for a task that had none yet. */
function takeRoom(room: Map<string, number>, task: DueTask): boolean {
  if (task.batchId === null || task.state === "sent") return true;
  const free = room.get(task.batchId) ?? 0;
  room.set(task.batchId, free - 1);
  return free > 0;
}

function expiryOf(task: DueTask, now: Date): Date {
  if (task.batchId === null) return task.expiresAt;
  return new Date(Math.max(task.expiresAt.getTime(), now.getTime() + batchStartMs));
}
