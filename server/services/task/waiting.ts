/** How many commands wait for an agent: told in the answer to its status report, so that an agent without a channel fetches them. */
import { type Db, Prisma, type Tx } from "../../db.ts";
import { dueCancels, offerAgainAfterMs } from "./due.ts";
import { commandsMax } from "../../../contract/command.ts";

export async function commandsWaiting(reader: Db | Tx, agentId: string, now: Date): Promise<number> {
  const lostBefore = new Date(now.getTime() - offerAgainAfterMs);
  const rows = await reader.$queryRaw<{ waiting: bigint }[]>(Prisma.sql`
    SELECT count(*) AS waiting FROM "Task" t LEFT JOIN "TaskBatch" b ON b.id = t."batchId"
     WHERE t."agentId" = ${agentId}::uuid AND t.state IN ('waiting', 'sent') AND t."cancelWantedAt" IS NULL AND (t."expiresAt" > ${now} OR t."batchId" IS NOT NULL)
       AND (t.state = 'sent' AND t."sentAt" < ${lostBefore}
            OR t.state = 'waiting' AND (b.id IS NULL OR b.state = 'running' AND b.concurrency > (SELECT count(*) FROM "Task" o WHERE o."batchId" = b.id AND o.state IN ('sent', 'running'))))`);
  const cancels = await dueCancels(reader, agentId, now, commandsMax);
  return Number(rows[0]?.waiting ?? 0) + cancels.length;
}
