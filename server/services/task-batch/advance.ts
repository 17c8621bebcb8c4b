/**
 * Keeps batches and expiry going where no event does: after a restart of the console, a lost wake-up, an agent that appeared. Every round is safe to run in several
 * consoles at once; of those, one works on a batch.
 */
import { createHash } from "node:crypto";
import type { Db } from "../../db.ts";
import { errorFields, log } from "../../log.ts";
import { systemCaller } from "../caller.ts";
import { writeInOrganisation } from "../object/write.ts";
import { expireTasks } from "../task/expire.ts";
import { lockBatch } from "./lock.ts";
import { settleBatch } from "./settle.ts";

/** Between two rounds, ms. Most of what happens is driven by events; this is for what they miss. */
const roundEveryMs = 5_000;

export type TaskClock = { close: () => Promise<void> };

/** Runs rounds until closed; a round that fails is logged and the next one follows. */
export function startTaskClock(db: Db): TaskClock {
  let running: Promise<void> = Promise.resolve();
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    running = runTaskRound(db)
      .catch((error: unknown) => log.warn(errorFields(error), "tasks could not be looked after; tried again in a moment"))
      .finally(() => (isBusy = false));
  }, roundEveryMs).unref();
  return {
    close: () => {
      clearInterval(timer);
      return running;
    },
  };
}

/** One round: ends what has expired, then looks at every batch that is not over. */
export async function runTaskRound(db: Db, now: Date = new Date()): Promise<void> {
  await expireTasks(db, now);
  const batches = await db.taskBatch.findMany({ where: { endedAt: null }, orderBy: { createdAt: "asc" }, select: { id: true, organisationId: true } });
  for (const batch of batches) await advance(db, batch);
}

async function advance(db: Db, batch: { id: string; organisationId: string }): Promise<void> {
  const caller = { ...systemCaller(batch.organisationId, "task-batch"), db };
  const lock = createHash("sha256").update(`task batch ${batch.id}`).digest().readBigInt64BE();
  await writeInOrganisation(caller, async (tx) => {
    const [taken] = await tx.$queryRaw<{ isMine: boolean }[]>`SELECT pg_try_advisory_xact_lock(${lock}::bigint) AS "isMine"`;
    if (!taken?.isMine) return;
    await lockBatch(tx, batch.id);
    await settleBatch(tx, caller, batch.id);
  });
}
