/** The one HTTP engine of a gateway: runs only while a service of protocol `http` is in force or a connection of one is still open. */
import type { Snapshot } from "../../contract/snapshot.ts";
import { frontKey } from "../routing/services.ts";
import { EngineProcess, type EngineProcessOptions } from "./engine-process.ts";
import { makeHttpSocketPath, removeHttpSocket, removeHttpSocketFolder } from "./http-socket.ts";

export type HttpEngineOptions = Pick<EngineProcessOptions, "index" | "command" | "onReport" | "onDeath" | "onLog"> & {
  /** Folder of this gateway alone; undefined: a temporary one. */
  stateDir: string | undefined;
  /** Gives a child that said hello what is in force. A rejection kills and restarts it. */
  feed: (engine: EngineProcess) => Promise<void>;
};

/** How long a snapshot waits for a starting HTTP engine before it is applied without, milliseconds. The engine is fed as soon as it is there. */
const startWithinMs = 10_000;

export class HttpEngine {
  /** Undefined while no service needs one. */
  process: EngineProcess | undefined;
  readonly #options: HttpEngineOptions;
  #socketPath: string | undefined;
  /** Process id of the child that knows what is in force. */
  #fedPid = 0;

  constructor(options: HttpEngineOptions) {
    this.#options = options;
  }

  /** Where the engine listens for this snapshot; null when no service needs it. */
  socketPath(snapshot: Snapshot): string | null {
    return needsHttpEngine(snapshot) ? (this.#socketPath ??= makeHttpSocketPath(this.#options.stateDir)) : null;
  }

  /** The engine, started where the snapshot needs it; undefined when none is needed or it does not start in time. */
  async ready(snapshot: Snapshot): Promise<EngineProcess | undefined> {
    if (this.socketPath(snapshot) !== null) this.#start();
    const { process } = this;
    const deadline = performance.now() + startWithinMs;
    while (process && process.state !== "running") {
      if (performance.now() > deadline) {
        this.#options.onLog({ at: new Date().toISOString(), level: "error", message: "the HTTP engine does not start; HTTP services answer nothing until it does", fields: {} });
        return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return process;
  }

  /** The child has just been given what is in force. */
  fed(engine: EngineProcess): void {
    this.#fedPid = engine.pid;
  }

  isFed(engine: EngineProcess): boolean {
    return engine.pid !== 0 && engine.pid === this.#fedPid;
  }

  /** Ends the engine when the snapshot in force does not need it and no connection is left on it. */
  async retireUnless(inForce: Snapshot | undefined): Promise<void> {
    const { process } = this;
    if (!process || (inForce && needsHttpEngine(inForce))) return;
    const report = process.lastReport;
    if (inForce && this.isFed(process) && (report?.revision !== inForce.revision || report.counters.connections > 0)) return;
    await this.close();
  }

  async close(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    await process?.close();
    if (this.#socketPath !== undefined) removeHttpSocketFolder(this.#socketPath);
    this.#socketPath = undefined;
  }

  #start(): void {
    if (this.process) return;
    const { index, command, onReport, onDeath, onLog, feed } = this.#options;
    this.process = new EngineProcess({
      index, command, onReport, onLog,
      label: "the HTTP engine",
      // Feeding takes its turn behind a change that may be waiting for this very hello.
      onHello: async (engine) => {
        feed(engine).catch((cause: unknown) => {
          if (engine.state === "closed") return;
          onLog({ at: new Date().toISOString(), level: "error", message: `the HTTP engine could not be fed: ${cause instanceof Error ? cause.message : String(cause)}`, fields: {} });
          engine.restart();
        });
      },
      onDeath: (engine, why) => {
        if (this.#socketPath !== undefined) removeHttpSocket(this.#socketPath);
        onDeath(engine, why);
      },
    });
    this.process.start();
  }
}

export function needsHttpEngine(snapshot: Snapshot): boolean {
  return snapshot.virtualServices.some((service) => service.isEnabled && service.protocol === "http");
}

/** What the HTTP engine needs of a snapshot. It parses what strangers send, so it gets no private key, no policy and nobody's tunnel. */
export function forHttpEngine(snapshot: Snapshot): Snapshot {
  const http = snapshot.virtualServices.filter((service) => service.protocol === "http");
  const fronts = new Set(http.map(frontKey));
  // What shares a port with them comes for its names alone: a Host of theirs must not be reached through another service.
  const virtualServices = snapshot.virtualServices.filter((service) => fronts.has(frontKey(service))).map((service) => ({ ...service, certificates: [] }));
  const pools = new Set(http.map((service) => service.poolId));
  return { ...snapshot, listeners: [], servers: [], policies: [], virtualServices, pools: snapshot.pools.filter((pool) => pools.has(pool.id)) };
}
