/** The relay sessions each engine has, as last reported: when an engine dies it cannot say that they ended, so the supervisor does. */
import type { RelayReport } from "../../../contract/relay.ts";

/** Sessions remembered per engine. */
const perEngineMax = 2_000;

export class OpenRelays {
  readonly #byEngine = new Map<number, Map<string, RelayReport>>();

  take(engine: number, reports: readonly RelayReport[]): void {
    const open = this.#byEngine.get(engine) ?? new Map<string, RelayReport>();
    this.#byEngine.set(engine, open);
    for (const report of reports) {
      const key = `${report.relayId} ${report.node ?? ""}`;
      if (report.state !== "connected") open.delete(key);
      else if (open.size < perEngineMax || open.has(key)) open.set(key, report);
    }
  }

  /** The engine is gone: its sessions, each as ended. */
  endAll(engine: number): RelayReport[] {
    const open = [...(this.#byEngine.get(engine)?.values() ?? [])];
    this.#byEngine.delete(engine);
    return open.map((report) => ({ ...report, state: "ended" as const, connections: 0, detail: "the engine that held the session died; the relay connects again" }));
  }
}
