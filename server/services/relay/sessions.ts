/** What is believed of relays' nodes: a report counts while it is fresh and its gateway connected. */
import { relayReport, type RelayReport } from "../../../contract/relay.ts";
import type { RelayState } from "../../../contract/relay-objects.ts";
import type { Prisma } from "../../db.ts";
import { gatewaySilentMs } from "../gateway/state.ts";
import { confirmedOf } from "./for-gateways.ts";

/** Gateways speak of each relay every 10 s; after this much silence the word is stale, milliseconds. */
export const reportFreshMs = 45_000;

export const relaySessionColumns = { node: true, state: true, fingerprint: true, report: true, since: true, at: true, bytesPerSecond: true, bytesUpPerSecond: true, gateway: { select: { id: true, name: true, connectedSince: true, lastSeenAt: true } } } as const satisfies Prisma.RelaySessionSelect;
export type RelaySessionRow = Prisma.RelaySessionGetPayload<{ select: typeof relaySessionColumns }>;
export type SeenSession = { gateway: { id: string; name: string }; node: string | null; state: RelayReport["state"]; fingerprint: string | null; isConfirmed: boolean; report: RelayReport | null; since: Date; at: Date; bytesPerSecond: number; bytesUpPerSecond: number; detail: string | null };

/** The rows as they count at `now`: one that went stale has ended. */
export function seenSessions(rows: readonly RelaySessionRow[], confirmed: unknown, now: Date): SeenSession[] {
  const fingerprints = new Set(confirmedOf(confirmed).map((entry) => entry.fingerprint));
  return rows.map((row) => {
    const parsed = relayReport.safeParse(row.report);
    const report = parsed.success ? parsed.data : null;
    const isHeard = row.gateway.connectedSince !== null && row.gateway.lastSeenAt !== null && now.getTime() - row.gateway.lastSeenAt.getTime() < gatewaySilentMs;
    const isFresh = isHeard && now.getTime() - row.at.getTime() < reportFreshMs;
    const said = report?.state ?? "ended";
    const isStale = !isFresh && said !== "ended";
    return {
      gateway: { id: row.gateway.id, name: row.gateway.name }, node: row.node === "" ? null : row.node, state: isStale ? "ended" : said, fingerprint: row.fingerprint, isConfirmed: row.fingerprint !== null && fingerprints.has(row.fingerprint),
      report, since: isStale ? row.at : row.since, at: row.at, bytesPerSecond: isFresh ? row.bytesPerSecond : 0, bytesUpPerSecond: isFresh ? row.bytesUpPerSecond : 0, detail: isStale ? (isHeard ? "its gateway does not speak of it any more" : "its gateway is not connected") : (report?.detail ?? null),
    };
  });
}

/** The relay's state from its nodes. */
export function relayStateOf(sessions: readonly SeenSession[], confirmed: unknown): RelayState {
  if (sessions.some((session) => session.state === "connected")) return "connected";
  if (sessions.some((session) => session.state === "waiting")) return "answered";
  return confirmedOf(confirmed).length > 0 ? "away" : "waiting";
}
