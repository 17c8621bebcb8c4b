/** Ends tasks that nobody will finish: not taken in time, taken and never heard of, or running on an agent that has gone silent. */
import type { Db, Tx } from "../../db.ts";
import { type Caller, systemCaller } from "../caller.ts";
import { writeInOrganisation } from "../object/write.ts";
import { lockBatch } from "../task-batch/lock.ts";
import { settleBatch } from "../task-batch/settle.ts";
import { endTask, type TaskEnd } from "./end.ts";

/** A sent task may begin until its command expires; its first word may come so much later, ms. */
const firstWordMs = 120_000;
/** An agent that has not been heard of for so long ends its running tasks, ms. A machine that only sleeps reports later into the void, which is said in the message. */
const silenceMs = 24 * 3_600_000;
const perRoundMax = 500;

type Lost = { id: string; organisationId: string; agentId: string; batchId: string | null; state: string; hostname: string };

/** One round over all organisations; returns how many have ended. Safe to run in several consoles at once: an end counts once. */
export async function expireTasks(db: Db, now: Date = new Date()): Promise<number> {
  const lost = await findLost(db, now);
  let ended = 0;
  for (const [organisationId, tasks] of Map.groupBy(lost, (task) => task.organisationId)) {
    const caller = { ...systemCaller(organisationId, "task-expiry"), db };
    for (const task of tasks) if (await writeInOrganisation(caller, (tx) => expireOne(tx, caller, task))) ended += 1;
  }
  return ended;
}

/** A waiting task of a batch whose places are all taken only waits for its turn. */
function findLost(db: Db, now: Date): Promise<Lost[]> {
  const startBefore = new Date(now.getTime() - firstWordMs);
  const heardBefore = new Date(now.getTime() - silenceMs);
  return db.$queryRaw<Lost[]>`
    SELECT t.id, t."organisationId", t."agentId", t."batchId", t.state, a.hostname FROM "Task" t JOIN "Agent" a ON a.id = t."agentId" LEFT JOIN "TaskBatch" b ON b.id = t."batchId"
     WHERE t.state = 'waiting' AND t."expiresAt" <= ${now} AND (b.id IS NULL OR b.concurrency > (SELECT count(*) FROM "Task" o WHERE o."batchId" = b.id AND o.state IN ('sent', 'running')))
        OR t.state = 'sent' AND t."expiresAt" <= ${startBefore}
        OR t.state = 'running' AND t."startedAt" < ${heardBefore} AND (a."lastSeenAt" IS NULL OR a."lastSeenAt" < ${heardBefore})
     ORDER BY t."expiresAt" LIMIT ${perRoundMax}`;
}

async function expireOne(tx: Tx, caller: Caller, task: Lost): Promise<boolean> {
  if (task.batchId !== null) await lockBatch(tx, task.batchId);
  const isEnded = await endTask(tx, caller, { ...task, agentName: task.hostname }, endOf(task));
  if (isEnded && task.batchId !== null) await settleBatch(tx, caller, task.batchId);
  return isEnded;
}

function endOf(task: Lost): TaskEnd {
  switch (task.state) {
    case "waiting": return { state: "expired", from: ["waiting"], message: "The agent did not appear in time.", action: "task.expire" };
    case "sent": return { state: "expired", from: ["sent"], message: "The agent took the command and was not heard of in time; it begins nothing after the command's end.", action: "task.expire" };
    default: return { state: "failed", from: ["running"], message: "The agent has not been heard of for a day; whether the task came to its end is not known.", action: "task.expire" };
  }
}
