/** Stores what gateways report of relays: one row per relay, gateway and node, with its load. */
import type { LiveEvent } from "../../../contract/objects.ts";
import { type RelayReport, relayReport } from "../../../contract/relay.ts";
import type { Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { publishAllLive } from "../change/publish.ts";

/** Ended nodes are shown this long, milliseconds. */
const keptMs = 86_400_000;
/** Rates are smoothed over this time, milliseconds. */
const windowMs = 60_000;

/** Reports of relays that are not of this organisation are left out. */
export async function recordRelays(gateway: Caller, reports: readonly RelayReport[], now: Date = new Date()): Promise<void> {
  if (reports.length === 0) return;
  await gateway.db.$transaction(async (tx) => {
    const events = await record(tx, gateway, reports, now);
    await publishAllLive(tx, gateway.organisationId, events);
  });
}

async function record(tx: Tx, gateway: Caller, reports: readonly RelayReport[], now: Date): Promise<LiveEvent[]> {
  const { organisationId, actor } = gateway;
  const relayIds = [...new Set(reports.map((report) => report.relayId))];
  const known = new Set((await tx.relay.findMany({ where: { organisationId, id: { in: relayIds } }, select: { id: true } })).map((row) => row.id));
  const before = await tx.relaySession.findMany({ where: { gatewayId: actor.id, relayId: { in: [...known] } } });
  const previous = new Map(before.map((row) => [`${row.relayId} ${row.node}`, row]));
  const newest = [...new Map(reports.filter((report) => known.has(report.relayId)).map((report) => [`${report.relayId} ${report.node ?? ""}`, report])).values()];
  for (const report of newest) {
    const node = report.node ?? "";
    const last = previous.get(`${report.relayId} ${node}`);
    const data = { state: report.state, fingerprint: report.fingerprint, report, since: new Date(report.since), at: now, ...rates(last, report, now) };
    await tx.relaySession.upsert({ where: { relayId_gatewayId_node: { relayId: report.relayId, gatewayId: actor.id, node } }, create: { relayId: report.relayId, gatewayId: actor.id, node, ...data }, update: data });
  }
  // A node that answers ends what was said of tries that nobody answered.
  const answered = newest.filter((report) => report.node !== null && report.state !== "ended").map((report) => report.relayId);
  await tx.relaySession.deleteMany({ where: { gatewayId: actor.id, OR: [{ relayId: { in: answered }, node: "" }, { state: "ended", at: { lt: new Date(now.getTime() - keptMs) } }] } });
  return [...new Set(newest.map((report) => report.relayId))].map((id) => ({ topic: "relay" as const, id }));
}

type Last = { report: unknown; at: Date; bytesPerSecond: number; bytesUpPerSecond: number };
type Rates = { bytesPerSecond: number; bytesUpPerSecond: number };

/** Bytes per second, smoothed; nothing is known after the first report, and a relay without a session carries nothing. */
function rates(last: Last | undefined, report: RelayReport, now: Date): Rates {
  const parsed = relayReport.safeParse(last?.report);
  const elapsedMs = last ? now.getTime() - last.at.getTime() : 0;
  if (!last || !parsed.success || report.state !== "connected") return { bytesPerSecond: 0, bytesUpPerSecond: 0 };
  if (elapsedMs <= 0) return { bytesPerSecond: last.bytesPerSecond, bytesUpPerSecond: last.bytesUpPerSecond };
  const up = smoothed(last.bytesUpPerSecond, since(report.bytesUp, parsed.data.bytesUp), elapsedMs);
  const both = smoothed(last.bytesPerSecond, since(report.bytesUp, parsed.data.bytesUp) + since(report.bytesDown, parsed.data.bytesDown), elapsedMs);
  return { bytesPerSecond: both, bytesUpPerSecond: up };
}

/** Totals that fell are those of a node that was started again: all of them are new. */
function since(total: number, before: number): number {
  return total >= before ? total - before : total;
}

function smoothed(before: number, bytes: number, elapsedMs: number): number {
  const current = (bytes * 1_000) / elapsedMs;
  const weight = before === 0 ? 1 : Math.min(1, elapsedMs / windowMs);
  return before * (1 - weight) + current * weight;
}
