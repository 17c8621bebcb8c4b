/** Collects what tunnels have to tell: opened and ended ones in the next report, moving ones every few seconds. All queues are bounded. */
import type { TunnelReport } from "../../contract/control.ts";

/** A live tunnel, as far as reporting goes. */
export type Reportable = { report: () => TunnelReport; isMarked: boolean; reportedAtMs: number };

/** Ended tunnels that wait for a report; older ones are forgotten first. */
const endedMax = 10_000;
const perReport = 1_000;
/** A moving tunnel is reported at most this often, milliseconds. */
const moveEveryMs = 5_000;

export class TunnelLedger {
  readonly #marked = new Set<Reportable>();
  readonly #ended: TunnelReport[] = [];

  /** Bytes moved, or the tunnel has just opened (`reportedAtMs` 0). */
  mark(tunnel: Reportable): void {
    tunnel.isMarked = true;
    this.#marked.add(tunnel);
  }

  ended(tunnel: Reportable): void {
    this.#marked.delete(tunnel);
    if (this.#ended.length >= endedMax) this.#ended.shift();
    this.#ended.push(tunnel.report());
  }

  /** Takes what is due now; `nowMs` on the clock of `reportedAtMs`. */
  take(nowMs: number): TunnelReport[] {
    const reports = this.#ended.splice(0, perReport);
    for (const tunnel of this.#marked) {
      if (reports.length >= perReport) break;
      if (tunnel.reportedAtMs !== 0 && nowMs - tunnel.reportedAtMs < moveEveryMs) continue;
      this.#marked.delete(tunnel);
      tunnel.isMarked = false;
      tunnel.reportedAtMs = nowMs;
      reports.push(tunnel.report());
    }
    return reports;
  }
}
