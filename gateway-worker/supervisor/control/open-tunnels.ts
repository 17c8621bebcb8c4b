/** The tunnels each engine has open, as last reported: when an engine dies it cannot say that they ended, so the supervisor does. */
import type { TunnelReport } from "../../../contract/control.ts";

/** Tunnels remembered per engine; beyond it the console learns of an end from the gateway's next start. */
const perEngineMax = 50_000;

export class OpenTunnels {
  readonly #byEngine = new Map<number, Map<string, TunnelReport>>();

  take(engine: number, reports: readonly TunnelReport[]): void {
    const open = this.#byEngine.get(engine) ?? new Map<string, TunnelReport>();
    this.#byEngine.set(engine, open);
    for (const report of reports) {
      if (report.endedAt !== null) open.delete(report.connectionId);
      else if (open.size < perEngineMax || open.has(report.connectionId)) open.set(report.connectionId, report);
    }
  }

  /** The engine is gone: its tunnels, each as ended. */
  endAll(engine: number, now: Date): TunnelReport[] {
    const open = [...(this.#byEngine.get(engine)?.values() ?? [])];
    this.#byEngine.delete(engine);
    return open.map((report) => ({ ...report, endedAt: now.toISOString(), endReason: "engine died" }));
  }
}
