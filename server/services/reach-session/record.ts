/** Stores what gateways report of sessions: opened, bytes, ended. The end of each is audited once, with bytes and reason. */
import type { SessionReport } from "../../../contract/reach.ts";
import { reachService } from "../../../contract/reach.ts";
import type { Prisma, Tx } from "../../db.ts";
import { recordAudits } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishAllLive, publishSessionEnd } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

const columns = { id: true, state: true, agentId: true, service: true, actorKind: true, actorId: true, actorName: true, gatewayId: true, endReason: true, openedAt: true, agent: { select: { hostname: true } } } as const satisfies Prisma.ReachSessionSelect;
type Row = Prisma.ReachSessionGetPayload<{ select: typeof columns }>;
type Known = { row: Row; report: SessionReport };

/** A gateway writes only sessions that it was asked for, of agents of its organisation; the first that reports an open grant has it. */
export async function recordSessions(gateway: Caller, reports: readonly SessionReport[], now: Date = new Date()): Promise<void> {
  if (reports.length === 0) return;
  const newest = new Map(reports.map((report) => [report.sessionId, report]));
  // Audit events take the organisation's lock; taken first, so that nobody waits for the other the wrong way round.
  const hasEnds = [...newest.values()].some((report) => report.endedAt !== null);
  const work = async (tx: Tx) => { await record(tx, gateway, newest, now); };
  await (hasEnds ? writeInOrganisation(gateway, work) : gateway.db.$transaction(work));
}

async function record(tx: Tx, gateway: Caller, reports: ReadonlyMap<string, SessionReport>, now: Date): Promise<void> {
  const { organisationId, actor } = gateway;
  const rows = await tx.reachSession.findMany({ where: { organisationId, id: { in: [...reports.keys()] }, OR: [{ gatewayId: null }, { gatewayId: actor.id }] }, select: columns });
  const known = rows.flatMap((row) => {
    const report = reports.get(row.id);
    return report && report.agentId === row.agentId ? [{ row, report }] : [];
  });
  const fresh = known.filter(({ row, report }) => row.state === "granted" || row.state === "open" || (row.state === "ended" && row.openedAt === null && report.openedAt !== null));
  await writeRows(tx, gateway, fresh, now);
  // Ended here and still open there: the word did not arrive, or the gateway never knew of it.
  const deaf = known.filter(({ row, report }) => report.endedAt === null && (row.state === "ended" || row.state === "refused" || row.endReason !== null)).map(({ row }) => row.id);
  await publishSessionEnd(tx, organisationId, deaf);
  await recordAudits(tx, gateway, fresh.filter(({ report }) => report.endedAt !== null).map(endEvent));
  const moved = fresh.filter(({ row, report }) => report.endedAt !== null || row.state === "granted").map(({ row }) => row.id);
  await publishAllLive(tx, organisationId, moved.length > 20 ? [{ topic: "reachSession", id: null }] : moved.map((id) => ({ topic: "reachSession" as const, id })));
}

/** One statement for all. A reason that a person or rule gave stands before the gateway's own. */
async function writeRows(tx: Tx, gateway: Caller, fresh: readonly Known[], now: Date): Promise<void> {
  if (fresh.length === 0) return;
  const column = <T>(pick: (known: Known) => T): T[] => fresh.map(pick);
  await tx.$executeRaw`
    UPDATE "ReachSession" s
       SET state = r.state, "gatewayId" = ${gateway.actor.id}::uuid, "channelGatewayId" = coalesce((SELECT g.id FROM "Gateway" g WHERE g.id = r.channel AND g."organisationId" = s."organisationId"), s."channelGatewayId"),
           "openedAt" = coalesce(s."openedAt", r.opened), "endedAt" = r.ended, "bytesUp" = r.up, "bytesDown" = r.down, "endReason" = coalesce(s."endReason", r.reason)
      FROM unnest(${column(({ row }) => row.id)}::uuid[], ${column(({ report }) => (report.endedAt !== null ? "ended" : report.openedAt !== null ? "open" : "granted"))}::text[], ${column(({ report }) => report.channelGatewayId)}::uuid[],
                  ${column(({ report }) => notLater(report.openedAt, now))}::timestamptz[], ${column(({ report }) => notLater(report.endedAt, now))}::timestamptz[],
                  ${column(({ report }) => BigInt(report.bytesUp))}::bigint[], ${column(({ report }) => BigInt(report.bytesDown))}::bigint[], ${column(({ report }) => report.endReason)}::text[]) AS r(id, state, channel, opened, ended, up, down, reason)
     WHERE s.id = r.id AND s."organisationId" = ${gateway.organisationId}::uuid`;
}

/** `reach.ended`: who, what, bytes in both directions, why. */
function endEvent({ row, report }: Known) {
  const service = reachService.safeParse(row.service);
  return {
    action: "reach.ended", target: { kind: "agent", id: row.agentId, name: row.agent.hostname },
    changes: [
      { path: "session", before: null, after: row.id },
      { path: "by", before: null, after: `${row.actorName} (${row.actorKind}:${row.actorId})` },
      { path: "service", before: null, after: service.success ? service.data : null },
      { path: "bytesUp", before: null, after: report.bytesUp },
      { path: "bytesDown", before: null, after: report.bytesDown },
      { path: "reason", before: null, after: row.endReason ?? report.endReason },
    ],
  };
}

function notLater(at: string | null, now: Date): Date | null {
  if (at === null) return null;
  const date = new Date(at);
  return date > now ? now : date;
}
