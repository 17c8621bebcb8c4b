/** What a gateway runs now, or why it refused the newest revision: the gateway page and the waiting administrator read it from here. */
import type { SnapshotProblem } from "../../../contract/control.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { liveChannel, publishLive } from "../change/publish.ts";

/** The gateway applied `revision`. An acknowledgement that comes late changes nothing. */
export async function recordAck(caller: Caller, revision: number): Promise<void> {
  await update(caller, Prisma.sql`UPDATE "Gateway" SET "appliedRevision" = ${revision}, problems = '[]'::jsonb
     WHERE id = ${caller.actor.id}::uuid AND "organisationId" = ${caller.organisationId}::uuid AND "appliedRevision" <= ${revision} AND revision >= ${revision}`);
}

/** The gateway refused `revision` and goes on with what it had. Every problem is kept for people (T37). */
export async function recordNack(caller: Caller, revision: number, problems: readonly SnapshotProblem[]): Promise<void> {
  await update(caller, Prisma.sql`UPDATE "Gateway" SET "refusedRevision" = ${revision}, problems = ${JSON.stringify(problems)}::jsonb
     WHERE id = ${caller.actor.id}::uuid AND "organisationId" = ${caller.organisationId}::uuid AND "refusedRevision" <= ${revision} AND revision >= ${revision}`);
}

/** Row and live event in one statement: after one change every gateway acknowledges at once. */
async function update(caller: Caller, sql: Prisma.Sql): Promise<void> {
  const event = JSON.stringify({ organisationId: caller.organisationId, topic: "gateway", id: caller.actor.id });
  await caller.db.$queryRaw`WITH changed AS (${sql} RETURNING id) SELECT pg_notify(${liveChannel}, ${event})::text FROM changed`;
}

/** Furthest that a returning gateway may be ahead of the database and be believed: a restored dump, not a made-up number. */
const aheadMax = 10_000_000;

/**
 * The gateway has served newer versions than the database knows: it was restored to an earlier state (T36, N12). The counters are raised to the gateway's, so that
 * the next change reaches it, and the fact is named. What the gateway serves stays as it is until somebody changes something: nobody is locked out or readmitted.
 */
export async function recordAhead(caller: Caller, seen: { revision: number; accessVersion: number }): Promise<boolean> {
  return await caller.db.$transaction(async (tx) => {
    const [row] = await tx.$queryRaw<{ revision: number; accessVersion: bigint }[]>`
      SELECT g.revision, o."accessVersion" FROM "Gateway" g JOIN "Organisation" o ON o.id = g."organisationId"
       WHERE g.id = ${caller.actor.id}::uuid AND o.id = ${caller.organisationId}::uuid FOR UPDATE`;
    if (!row) return false;
    const isAhead = seen.revision > row.revision || seen.accessVersion > Number(row.accessVersion);
    if (!isAhead || seen.revision - row.revision > aheadMax || seen.accessVersion - Number(row.accessVersion) > aheadMax) return false;
    const problem: SnapshotProblem = { path: "revision", code: "database-older", message: `This gateway has served revision ${seen.revision} and access version ${seen.accessVersion}; the database only knows revision ${row.revision} and access version ${row.accessVersion}, so it was restored to an earlier state. The gateway keeps what it serves until the next change; review its settings and the list of revoked agents, then save any change to apply them.` };
    await tx.$executeRaw`UPDATE "Gateway" SET revision = greatest(revision, ${seen.revision}), problems = ${JSON.stringify([problem])}::jsonb WHERE id = ${caller.actor.id}::uuid`;
    await tx.$executeRaw`UPDATE "Organisation" SET "accessVersion" = greatest("accessVersion", ${BigInt(seen.accessVersion)}) WHERE id = ${caller.organisationId}::uuid`;
    await publishLive(tx, caller.organisationId, { topic: "gateway", id: caller.actor.id });
    return true;
  });
}
