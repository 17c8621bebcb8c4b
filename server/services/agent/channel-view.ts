/** The state of an agent's channel, as its page shows it. */
import type { z } from "zod";
import { agentErrors, type agentErrorCodes } from "../../../contract/error-codes.ts";
import type { agentChannelView } from "../../../contract/reach-objects.ts";
import type { Caller } from "../caller.ts";
import { gatewaySilentMs } from "../gateway/state.ts";
import { iso, isoOrNull } from "../object/list.ts";
import { relayPathOf } from "./site-of.ts";

type View = z.infer<typeof agentChannelView>;

const columns = { gatewayId: true, openedAt: true, aliveUntil: true, endedAt: true, endReason: true, source: true, relayPath: true, isListening: true, roundTripMs: true, streams: true, bytesUp: true, bytesDown: true, gateway: { select: { id: true, name: true, connectedSince: true, lastSeenAt: true } } } as const;

/** The newest live channel; without one, the last that there was. */
export async function channelView(caller: Caller, agent: { id: string; channelProblem: unknown }, now: Date = new Date()): Promise<View> {
  const rows = await caller.db.agentChannel.findMany({ where: { organisationId: caller.organisationId, agentId: agent.id }, select: columns, orderBy: [{ openedAt: "desc" }], take: 20 });
  const isLive = (row: (typeof rows)[number]) => row.endedAt === null && row.aliveUntil > now && row.gateway.connectedSince !== null && row.gateway.lastSeenAt !== null && now.getTime() - row.gateway.lastSeenAt.getTime() < gatewaySilentMs;
  const live = rows.filter(isLive);
  const shown = live[0] ?? rows[0];
  const problem = live.length > 0 ? null : problemOf(agent.channelProblem);
  if (!shown) return { state: "none", gateway: null, openedAt: null, endedAt: null, endReason: null, source: null, relayPath: [], isListening: false, roundTripMs: null, streams: 0, bytesUp: 0, bytesDown: 0, others: 0, problem };
  const isOpen = live.length > 0;
  return {
    state: isOpen ? "open" : "closed", gateway: { id: shown.gateway.id, name: shown.gateway.name }, openedAt: iso(shown.openedAt), endedAt: isOpen ? null : isoOrNull(shown.endedAt ?? shown.aliveUntil),
    endReason: isOpen ? null : (shown.endReason ?? "its gateway is not connected to the console"), source: shown.source, relayPath: relayPathOf(shown.relayPath), isListening: shown.isListening,
    roundTripMs: shown.roundTripMs, streams: isOpen ? shown.streams : 0, bytesUp: Number(shown.bytesUp), bytesDown: Number(shown.bytesDown), others: Math.max(0, live.length - 1), problem,
  };
}

/** What the agent said itself, with the sentence and cure of its code. */
function problemOf(stored: unknown): View["problem"] {
  if (typeof stored !== "object" || stored === null || !("code" in stored) || typeof stored.code !== "string") return null;
  const { code } = stored;
  const detail = "detail" in stored && typeof stored.detail === "string" ? stored.detail : "";
  if (!isKnown(code)) return null;
  const { sentence, cure } = agentErrors[code];
  return { code, detail, sentence, cure };
}

function isKnown(code: string): code is (typeof agentErrorCodes)[number] {
  return code in agentErrors;
}
