/**
 * Ends sessions that nobody will report the end of: granted and never used, past their time, or of a gateway that has been away for long. Looked for when
 * sessions are listed or opened, a bounded number at a time.
 */
import { grantStartSeconds } from "../../../contract/reach.ts";
import { recordAudits } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

/** A gateway has this long to report an end that is due, milliseconds. */
const reportSlackMs = 60_000;
/** A gateway that has been silent for this long has lost its sessions, milliseconds. */
const gatewayLostMs = 5 * 60_000;
const atOnce = 200;

type Row = { id: string; agentId: string; hostname: string; actorName: string; reason: string };

export async function sweepSessions(caller: Caller, now: Date = new Date()): Promise<void> {
  const { organisationId } = caller;
  const unused = new Date(now.getTime() - grantStartSeconds * 1000 - reportSlackMs);
  const over = new Date(now.getTime() - reportSlackMs);
  const lost = new Date(now.getTime() - gatewayLostMs);
  const rows = await caller.db.$queryRaw<Row[]>`
    SELECT s.id::text AS id, s."agentId"::text AS "agentId", a.hostname, s."actorName",
           CASE WHEN s.state = 'granted' THEN 'the grant was not used in time' WHEN s.until < ${over} THEN 'its time was over' ELSE 'its gateway went away' END AS reason
      FROM "ReachSession" s JOIN "Agent" a ON a.id = s."agentId" LEFT JOIN "Gateway" g ON g.id = s."gatewayId"
     WHERE s."organisationId" = ${organisationId}::uuid
       AND ((s.state = 'granted' AND s."createdAt" < ${unused}) OR (s.state = 'open' AND (s.until < ${over} OR g.id IS NULL OR g."lastSeenAt" IS NULL OR g."lastSeenAt" < ${lost})))
     LIMIT ${atOnce}`;
  if (rows.length === 0) return;
  await writeInOrganisation(caller, async (tx) => {
    const ids = rows.map((row) => row.id);
    const ended = await tx.$queryRaw<{ id: string }[]>`
      UPDATE "ReachSession" s SET state = 'ended', "endedAt" = ${now}, "endReason" = coalesce(s."endReason", r.reason)
        FROM unnest(${ids}::uuid[], ${rows.map((row) => row.reason)}::text[]) AS r(id, reason)
       WHERE s.id = r.id AND s."organisationId" = ${organisationId}::uuid AND s.state IN ('granted', 'open') RETURNING s.id::text AS id`;
    const done = new Set(ended.map((row) => row.id));
    const system: Caller = { ...caller, actor: { kind: "system", id: "reach-sessions", name: "reach-sessions" }, source: null };
    await recordAudits(tx, system, rows.filter((row) => done.has(row.id)).map((row) => ({
      action: "reach.ended", target: { kind: "agent", id: row.agentId, name: row.hostname },
      changes: [{ path: "session", before: null, after: row.id }, { path: "by", before: null, after: row.actorName }, { path: "reason", before: null, after: row.reason }],
    })));
    await publishLive(tx, organisationId, { topic: "reachSession", id: null });
  });
}
