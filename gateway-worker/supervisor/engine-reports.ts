/** What the reports of several engines mean together: counters, listeners, and the log lines that a person reads. */
import type { GatewayStatus, LogLine, Refusal, TunnelReport } from "../../contract/control.ts";
import type { EngineCounters, EngineListener, EngineReport } from "../engine-messages.ts";

/** What the gateway's status takes from the engines; totals include engines that died. */
export type EngineGroupStatus = Pick<GatewayStatus, "revision" | "accessVersion" | "isDraining" | "listeners" | "engines" | "tunnels" | "bytesUp" | "bytesDown" | "handshakes" | "channels" | "refused"> & {
  connections: number;
  handshakesResumed: number;
  tunnelsOpened: number;
  /** Longest pause of any engine's event loop in its last report, milliseconds. */
  loopDelayMaxMs: number;
};

type Totals = Pick<EngineCounters, "bytesUp" | "bytesDown" | "handshakes" | "handshakesResumed" | "refused" | "tunnelsOpened">;
export type Counted = Totals & Pick<EngineGroupStatus, "tunnels" | "connections">;
const totalKeys = ["bytesUp", "bytesDown", "handshakes", "handshakesResumed", "refused", "tunnelsOpened"] as const satisfies readonly (keyof Totals)[];

/** Sums of counters that never fall when an engine dies. */
export class EngineTotals {
  readonly #ofDead: Totals = { bytesUp: 0, bytesDown: 0, handshakes: 0, handshakesResumed: 0, refused: 0, tunnelsOpened: 0 };

  /** Keeps what a dead engine had counted. */
  keep(last: EngineCounters): void {
    for (const key of totalKeys) this.#ofDead[key] += last[key];
  }

  with(reports: readonly EngineReport[]): Counted {
    const result: Counted = { ...this.#ofDead, tunnels: 0, connections: 0 };
    for (const { counters } of reports) for (const key of [...totalKeys, "tunnels", "connections"] as const) result[key] += counters[key];
    return result;
  }
}

/** A listener is as far as its least advanced engine; a problem of any engine shows. */
export function mergeListeners(reports: readonly EngineReport[]): EngineListener[] {
  const order: EngineListener["state"][] = ["closed", "draining", "new", "bound", "full", "accepting"];
  const merged = new Map<string, EngineListener>();
  for (const listener of reports.flatMap((report) => report.listeners)) {
    const known = merged.get(listener.listenerId);
    if (!known || order.indexOf(listener.state) < order.indexOf(known.state) || (listener.problem !== null && known.problem === null)) merged.set(listener.listenerId, listener);
  }
  return [...merged.values()];
}

/** The log lines of one report: the engine's own, one per refusal, one per ended tunnel. */
export function linesOf(report: EngineReport): LogLine[] {
  return [...report.logs, ...report.refusals.map(refusalLine), ...report.tunnels.map(tunnelLine).filter((line) => line !== undefined)];
}

/** The gateway's log names each refusal under the connection id that the client was told, and that the agent logs. */
function refusalLine(refusal: Refusal): LogLine {
  const { code, connectionId, source, target, agentId, count } = refusal;
  return { at: refusal.at, level: "warn", message: `refused ${source}: ${refusal.detail}`, fields: { code, connectionId, source, target, agentId, count, fingerprint: refusal.certificate?.fingerprint ?? null } };
}

/** One line when a tunnel has ended. Expected endings are no errors. */
function tunnelLine(tunnel: TunnelReport): LogLine | undefined {
  if (tunnel.endedAt === null) return undefined;
  const { agentId, connectionId, serverId, source, bytesUp, bytesDown, openedAt, endReason } = tunnel;
  return { at: tunnel.endedAt, level: "info", message: `tunnel of ${source} ended: ${endReason ?? "closed"}`, fields: { connectionId, agentId, serverId, source, bytesUp, bytesDown, openedAt, endReason } };
}
