/** What an agent fetches: its tasks and cancellations as sealed commands. Fetching marks a task as sent. */
import type { z } from "zod";
import { type commandList, commandsMax, publicJwk, taskOrder } from "../../../contract/command.ts";
import type { Tx } from "../../db.ts";
import { openToken } from "../agent/keys.ts";
import type { Caller } from "../caller.ts";
import { publishAllLive } from "../change/publish.ts";
import { lockBatchesOfAgent, roomIn } from "../task-batch/lock.ts";
import { dueCancels, type DueTask, dueTasks, makeCancelId } from "./due.ts";
import { commandsWaiting } from "./waiting.ts";
import { type CommandContent, type CommandTarget, writeCommand } from "./write-command.ts";

/** Characters of orders in one answer; sealed they grow by three quarters. What does not fit waits for the next fetch, which follows at once. */
const ordersMax = 400_000;
/** A task of a batch that waited long for its turn, and a cancellation, still have this time, ms. */
const startMs = 10 * 60_000;

/** The caller is the agent itself. An agent without keys, or one that waits for approval, gets none. */
export async function commandsFor(caller: Caller, agentId: string, now: Date = new Date()): Promise<z.infer<typeof commandList>> {
  const target = await targetOf(caller, agentId);
  // The usual answer, without a lock: a thousand agents that heard of a batch need not queue for it when its places are taken.
  if (!target || (await commandsWaiting(caller.db, agentId, now)) === 0) return { commands: [] };
  // Sealing takes longer than choosing, and is done when nobody waits for our locks any more. A command that is then lost is given out again.
  const chosen = await caller.db.$transaction(async (tx) => [...(await chooseCancels(tx, agentId, now)), ...(await chooseTasks(tx, caller, agentId, now))].slice(0, commandsMax));
  const commands: string[] = [];
  for (const content of chosen) commands.push(await writeCommand(caller.db, target, content, now));
  return { commands };
}

async function targetOf(caller: Caller, agentId: string): Promise<CommandTarget | undefined> {
  const { organisationId } = caller;
  const agent = await caller.db.agent.findFirst({ where: { id: agentId, organisationId, revokedAt: null, awaitsApproval: false }, select: { encryptionKey: true, sealedToken: true } });
  const key = publicJwk.safeParse(agent?.encryptionKey);
  if (!agent?.sealedToken || !key.success) return undefined;
  return { organisationId, agentId, encryptionKey: key.data, token: openToken(agent.sealedToken) };
}

async function chooseCancels(tx: Tx, agentId: string, now: Date): Promise<CommandContent[]> {
  const chosen: CommandContent[] = [];
  for (const { id } of await dueCancels(tx, agentId, now, commandsMax)) {
    const cancelId = makeCancelId(now);
    await tx.task.update({ where: { id }, data: { cancelId } });
    chosen.push({ id: cancelId, expiresAt: new Date(now.getTime() + startMs), command: { kind: "cancel", taskId: id } });
  }
  return chosen;
}

async function chooseTasks(tx: Tx, caller: Caller, agentId: string, now: Date): Promise<CommandContent[]> {
  await lockBatchesOfAgent(tx, agentId);
  const due = await dueTasks(tx, agentId, now, commandsMax);
  const room = await roomIn(tx, due.flatMap((task) => task.batchId ?? []));
  const chosen: CommandContent[] = [];
  let length = 0;
  for (const task of due) {
    if (!takeRoom(room, task)) continue;
    const order = taskOrder.parse(task.order);
    length += JSON.stringify(order).length;
    if (length > ordersMax && chosen.length > 0) break;
    const expiresAt = expiryOf(task, now);
    await tx.task.update({ where: { id: task.id }, data: { state: "sent", sentAt: now, expiresAt } });
    chosen.push({ id: task.id, expiresAt, command: { kind: "task", order } });
  }
  await publishAllLive(tx, caller.organisationId, chosen.map(({ id }) => ({ topic: "task", id })));
  return chosen;
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
  return new Date(Math.max(task.expiresAt.getTime(), now.getTime() + startMs));
}
