/** Ends tasks that nobody will finish: not taken in time, taken and never heard of, or running on an agent that has gone silent. */
import type { TaskState } from "../../../contract/command.ts";
import type { Db, Tx } from "../../db.ts";
import { recordAudits } from "../audit/record.ts";
import { type Caller, systemCaller } from "../caller.ts";
import { publishAllLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { lockBatches } from "../task-batch/lock.ts";
import { settleBatch } from "../task-batch/settle.ts";

/** A sent task may begin until its command expires; its first word may come so much later, ms. */
const firstWordMs = 120_000;
/** An agent that has not been heard of for so long ends its running tasks, ms. */
const silenceMs = 24 * 3_600_000;
const perRoundMax = 2_000;
const perWriteMax = 200;

type Lost = { id: string; organisationId: string; batchId: string | null; state: keyof typeof ends; hostname: string };

const ends = {
  waiting: { state: "expired", message: "The agent did not appear in time." },
  sent: { state: "expired", message: "The agent took the command and was not heard of in time; it begins nothing after the command's end." },
  running: { state: "failed", message: "The agent has not been heard of for a day; whether the task came to its end is not known." },
} as const satisfies Partial<Record<TaskState, { state: TaskState; message: string }>>;

/** One round over all organisations; returns how many have ended. Safe to run in several consoles at once: an end counts once. */
export async function expireTasks(db: Db, now: Date = new Date()): Promise<number> {
  const lost = await findLost(db, now);
  let ended = 0;
  for (const [organisationId, tasks] of Map.groupBy(lost, (task) => task.organisationId)) {
    const caller = { ...systemCaller(organisationId, "task-expiry"), db };
    for (let start = 0; start < tasks.length; start += perWriteMax) ended += await writeInOrganisation(caller, (tx) => expireSome(tx, caller, tasks.slice(start, start + perWriteMax)));
  }
  return ended;
}

/** A waiting task of a batch whose places are all taken only waits for its turn. */
function findLost(db: Db, now: Date): Promise<Lost[]> {
  const startBefore = new Date(now.getTime() - firstWordMs);
  const heardBefore = new Date(now.getTime() - silenceMs);
  return db.$queryRaw<Lost[]>`
    SELECT t.id, t."organisationId", t."batchId", t.state, a.hostname FROM "Task" t JOIN "Agent" a ON a.id = t."agentId" LEFT JOIN "TaskBatch" b ON b.id = t."batchId"
     WHERE t.state = 'waiting' AND t."expiresAt" <= ${now} AND (b.id IS NULL OR b.concurrency > (SELECT count(*) FROM "Task" o WHERE o."batchId" = b.id AND o.state IN ('sent', 'running')))
        OR t.state = 'sent' AND t."expiresAt" <= ${startBefore}
        OR t.state = 'running' AND t."startedAt" < ${heardBefore} AND (a."lastSeenAt" IS NULL OR a."lastSeenAt" < ${heardBefore})
     ORDER BY t."expiresAt" LIMIT ${perRoundMax}`;
}

async function expireSome(tx: Tx, caller: Caller, tasks: readonly Lost[]): Promise<number> {
  const batchIds = [...new Set(tasks.flatMap((task) => task.batchId ?? []))];
  await lockBatches(tx, batchIds);
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const ended: Lost[] = [];
  for (const [from, end] of Object.entries(ends)) {
    const ids = tasks.filter((task) => task.state === from).map((task) => task.id);
    if (ids.length === 0) continue;
    const rows = await tx.$queryRaw<{ id: string }[]>`UPDATE "Task" SET state = ${end.state}, message = ${end.message}, "endedAt" = now() WHERE id = ANY(${ids}::uuid[]) AND state = ${from} RETURNING id`;
    ended.push(...rows.flatMap((row) => byId.get(row.id) ?? []));
  }
  await recordAudits(tx, caller, ended.map((task) => ({ action: "task.expire", target: { kind: "task", id: task.id, name: task.hostname }, changes: [{ path: "state", before: task.state, after: ends[task.state].state }] })));
  await publishAllLive(tx, caller.organisationId, ended.map((task) => ({ topic: "task", id: task.id })));
  for (const batchId of batchIds) await settleBatch(tx, caller, batchId);
  return ended.length;
}
