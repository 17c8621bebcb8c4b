/**
 * The gateway's stream engines as one: start, feed, watch, restart, drain (DESIGN section 1).
 * A snapshot is applied to all of them or to none; an engine that was restarted is fed the snapshot in force and the whole access table again.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { AccessEntry, AccessPage } from "../../contract/access.ts";
import type { GatewayStatus, LogLine, Refusal, SnapshotProblem, TunnelReport } from "../../contract/control.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { EngineListener, EngineReport, ListenerCertificatePem } from "../engine-messages.ts";
import { EngineProcess } from "./engine-process.ts";
import { portProblems } from "./listener-ports.ts";

export type EngineGroupOptions = {
  runtime: "bun" | "node";
  /** Engines to run; one per core is the default of the gateway. 1 to 256. */
  count: number;
  /** The engine's entry file; default: `../stream/main.ts` beside this one. */
  enginePath?: string;
  /** Bun's binary, when `runtime` is `bun`; default: the one of the optional dependency. */
  bunPath?: string;
  /** Node's binary, when `runtime` is `node`; default: the one that runs this process. */
  nodePath?: string;
  /** Refusals since the last call, at most once a second per engine, and how many did not fit the engine's bounded queue. */
  onRefusals: (refusals: Refusal[], dropped: number) => void;
  /** Tunnels that opened, moved bytes or ended since the last call. */
  onTunnels: (reports: TunnelReport[], engine: number) => void;
  /** An engine is gone, and every tunnel it had with it. */
  onEngineGone?: (engine: number) => void;
  /** After every engine's report and every change of an engine's state. */
  onStatus: (status: EngineGroupStatus) => void;
  onLog: (line: LogLine) => void;
};

/** What the gateway's status takes from the engines; totals include engines that died. */
export type EngineGroupStatus = Pick<GatewayStatus, "revision" | "accessVersion" | "isDraining" | "listeners" | "engines" | "tunnels" | "bytesUp" | "bytesDown" | "handshakes" | "refused"> & {
  connections: number;
  handshakesResumed: number;
  tunnelsOpened: number;
  /** Longest pause of any engine's event loop in its last report, milliseconds. */
  loopDelayMaxMs: number;
};

export type ApplyResult = { ok: true } | { ok: false; problems: SnapshotProblem[] };

type InForce = { snapshot: Snapshot; certificates: ListenerCertificatePem[] };
type Totals = { bytesUp: number; bytesDown: number; handshakes: number; handshakesResumed: number; refused: number; tunnelsOpened: number };

/** Entries per access message when a restarted engine is fed; the contract's bound of a page. */
const accessPageMax = 5_000;

export class EngineGroup {
  readonly #options: EngineGroupOptions;
  readonly #engines: EngineProcess[];
  readonly #access = new AccessCopy();
  readonly #ofDead: Totals = { bytesUp: 0, bytesDown: 0, handshakes: 0, handshakesResumed: 0, refused: 0, tunnelsOpened: 0 };
  #inForce: InForce | undefined;
  #isDraining = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: EngineGroupOptions) {
    this.#options = options;
    const command = engineCommand(options);
    this.#engines = Array.from({ length: options.count }, (_, index) => new EngineProcess({
      index,
      command: [command[0], ...command.slice(1), String(index), String(options.count)],
      onHello: async (engine) => await this.#inTurn(async () => await this.#feed(engine)),
      onReport: (engine, report) => this.#reported(engine, report),
      onDeath: (engine, why) => this.#died(engine, why),
      onLog: options.onLog,
    }));
  }

  /** Starts the engines; resolves when each one is ready to be given a snapshot (or rejects after `timeoutMs`, naming those that are not). */
  async start(timeoutMs = 20_000): Promise<void> {
    for (const engine of this.#engines) engine.start();
    const deadline = performance.now() + timeoutMs;
    while (this.#engines.some((engine) => engine.state !== "running")) {
      if (performance.now() > deadline) throw new Error(`engines ${this.#engines.filter((engine) => engine.state !== "running").map((engine) => engine.index).join(", ")} did not start within ${timeoutMs} ms; the log names why`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Applies a snapshot to all engines or to none. On failure the one in force goes on serving everywhere. Calls queue up. */
  async apply(snapshot: Snapshot, certificates: ListenerCertificatePem[]): Promise<ApplyResult> {
    return await this.#inTurn(async () => await this.#apply({ snapshot, certificates }));
  }

  /** Passes a page of the access stream on. `isFull` starts a new table that is in force as a whole once a page with `complete` came. Resolves when every engine refuses or admits accordingly. */
  async access(page: AccessPage, isFull = false): Promise<{ tunnelsEnded: number }> {
    return await this.#inTurn(async () => {
      this.#access.take(page, isFull);
      const answers = await Promise.allSettled(this.#running().map(async (engine) => await engine.ask({ kind: "access", page, isFull })));
      return { tunnelsEnded: answers.reduce((sum, answer) => sum + (answer.status === "fulfilled" && answer.value.kind === "access-applied" ? answer.value.tunnelsEnded : 0), 0) };
    });
  }

  /** What the engines last reported, put together. */
  status(): EngineGroupStatus {
    const reports = this.#engines.map((engine) => engine.lastReport).filter((report) => report !== undefined);
    const sum = (pick: (report: EngineReport) => number): number => reports.reduce((total, report) => total + pick(report), 0);
    return {
      revision: this.#inForce?.snapshot.revision ?? 0,
      accessVersion: this.#access.version,
      isDraining: this.#isDraining,
      listeners: mergeListeners(reports),
      engines: this.#engines.map((engine) => ({ index: engine.index, runtime: engine.runtime, pid: engine.pid, state: engine.state === "closed" ? "dead" : engine.state, restarts: engine.restarts, tunnels: engine.lastReport?.counters.tunnels ?? 0, residentBytes: engine.lastReport?.counters.residentBytes ?? 0 })),
      tunnels: sum((report) => report.counters.tunnels),
      connections: sum((report) => report.counters.connections),
      bytesUp: this.#ofDead.bytesUp + sum((report) => report.counters.bytesUp),
      bytesDown: this.#ofDead.bytesDown + sum((report) => report.counters.bytesDown),
      handshakes: this.#ofDead.handshakes + sum((report) => report.counters.handshakes),
      handshakesResumed: this.#ofDead.handshakesResumed + sum((report) => report.counters.handshakesResumed),
      refused: this.#ofDead.refused + sum((report) => report.counters.refused),
      tunnelsOpened: this.#ofDead.tunnelsOpened + sum((report) => report.counters.tunnelsOpened),
      loopDelayMaxMs: Math.max(0, ...reports.map((report) => report.counters.loopDelayMaxMs)),
    };
  }

  /** Takes no new tunnels, lets the open ones finish for `timeoutMs`, then cuts them. Resolves when none is left. */
  async drain(timeoutMs: number): Promise<{ tunnelsCut: number }> {
    this.#isDraining = true;
    const answers = await Promise.allSettled(this.#running().map(async (engine) => await engine.ask({ kind: "drain", timeoutMs }, timeoutMs + 10_000)));
    return { tunnelsCut: answers.reduce((sum, answer) => sum + (answer.status === "fulfilled" && answer.value.kind === "drained" ? answer.value.tunnelsCut : 0), 0) };
  }

  /** Asks every engine to report at once, and forgets about it; `onStatus` follows. */
  refresh(): void {
    for (const engine of this.#engines) engine.tell({ kind: "report" });
  }

  /** Ends every engine now, with whatever tunnels it has. */
  async close(): Promise<void> {
    await Promise.all(this.#engines.map(async (engine) => await engine.close()));
  }

  #running(): EngineProcess[] {
    return this.#engines.filter((engine) => engine.state === "running");
  }

  /** One change at a time over all engines, in the order of the calls. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {
      // The caller has the rejection; the queue goes on.
    });
    return result;
  }

  async #apply(next: InForce): Promise<ApplyResult> {
    const engines = this.#running();
    if (engines.length === 0) return { ok: false, problems: [{ path: "", code: "no-engine", message: "no stream engine is running; the gateway's log names why" }] };
    const taken = await portProblems(next.snapshot.listeners, this.#inForce?.snapshot.listeners ?? []);
    if (taken.length > 0) return { ok: false, problems: taken };
    const prepared = await Promise.all(engines.map(async (engine) => await prepare(engine, next)));
    const problems = distinct(prepared.flatMap((result) => result.problems));
    if (problems.length > 0) {
      for (const result of prepared) if (result.id !== undefined) result.engine.tell({ kind: "abort", id: result.id });
      return { ok: false, problems };
    }
    // From here it is in force: an engine that dies while committing is restarted with the new snapshot.
    this.#inForce = next;
    await Promise.allSettled(prepared.map(async ({ engine, id }) => await engine.ask({ kind: "commit", prepared: id ?? 0 })));
    this.#options.onStatus(this.status());
    return { ok: true };
  }

  /** Gives a new child everything that is in force: who may connect first, then what to serve. */
  async #feed(engine: EngineProcess): Promise<void> {
    for (const { page, isFull } of this.#access.pages(accessPageMax)) await engine.ask({ kind: "access", page, isFull });
    if (!this.#inForce || this.#isDraining) return;
    const { id, problems } = await prepare(engine, this.#inForce);
    if (problems.length > 0 || id === undefined) throw new Error(`it refused the snapshot in force: ${problems.map((problem) => problem.message).join("; ")}`);
    await engine.ask({ kind: "commit", prepared: id });
  }

  #reported(engine: EngineProcess, report: EngineReport): void {
    if (report.refusals.length > 0 || report.refusalsDropped > 0) this.#options.onRefusals(report.refusals, report.refusalsDropped);
    if (report.tunnels.length > 0) this.#options.onTunnels(report.tunnels, engine.index);
    for (const line of [...report.logs, ...report.refusals.map(refusalLine), ...report.tunnels.map(tunnelLine).filter((line) => line !== undefined)]) this.#options.onLog(line);
    this.#options.onStatus(this.status());
  }

  #died(engine: EngineProcess, why: string): void {
    const last = engine.lastReport?.counters;
    engine.lastReport = undefined;
    if (last) for (const key of Object.keys(this.#ofDead) as (keyof Totals)[]) this.#ofDead[key] += last[key];
    this.#options.onLog({ at: new Date().toISOString(), level: "error", message: `stream engine ${engine.index} is gone with ${last?.tunnels ?? 0} tunnels: ${why}`, fields: { engine: engine.index } });
    this.#options.onEngineGone?.(engine.index);
    this.#options.onStatus(this.status());
  }
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

/** Path of the Bun binary that the optional dependency installed for this machine; undefined when there is none. */
export function installedBunPath(): string | undefined {
  const name = `@oven/bun-${process.platform === "win32" ? "windows" : process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/bun${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    return undefined;
  }
}

function engineCommand(options: EngineGroupOptions): [string, ...string[]] {
  const entry = options.enginePath ?? fileURLToPath(new URL("../stream/main.ts", import.meta.url));
  if (options.runtime === "node") return [options.nodePath ?? process.execPath, "--no-warnings", entry];
  const bun = options.bunPath ?? installedBunPath();
  if (!bun) throw new Error("the Bun runtime is not installed for this machine; run npm install, or set SALLYPORT_RUNTIME=node");
  return [bun, "run", "--no-install", entry];
}

async function prepare(engine: EngineProcess, next: InForce): Promise<{ engine: EngineProcess; id: number | undefined; problems: SnapshotProblem[] }> {
  try {
    const answer = await engine.ask({ kind: "prepare", ...next, httpSocket: null });
    return { engine, id: answer.id, problems: answer.kind === "prepared" ? answer.problems : [] };
  } catch (cause) {
    return { engine, id: undefined, problems: [{ path: "", code: "engine-died", message: cause instanceof Error ? cause.message : String(cause) }] };
  }
}

function distinct(problems: SnapshotProblem[]): SnapshotProblem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.code} ${problem.message}`, problem])).values()].slice(0, 200);
}

/** A listener is as far as its least advanced engine; a problem of any engine shows. */
function mergeListeners(reports: EngineReport[]): EngineListener[] {
  const order: EngineListener["state"][] = ["closed", "draining", "new", "bound", "full", "accepting"];
  const merged = new Map<string, EngineListener>();
  for (const listener of reports.flatMap((report) => report.listeners)) {
    const known = merged.get(listener.listenerId);
    if (!known || order.indexOf(listener.state) < order.indexOf(known.state) || (listener.problem !== null && known.problem === null)) merged.set(listener.listenerId, listener);
  }
  return [...merged.values()];
}

/** The supervisor's copy of who may connect, kept to feed engines that start later. */
class AccessCopy {
  version = 0;
  #entries = new Map<string, AccessEntry>();
  #next: Map<string, AccessEntry> | undefined;

  take(page: AccessPage, isFull: boolean): void {
    if (isFull) this.#next = new Map();
    const table = this.#next ?? this.#entries;
    for (const entry of page.entries) {
      const key = `${entry.kind}:${entry.id}`;
      if (entry.status === "removed") table.delete(key);
      else table.set(key, entry);
    }
    if (this.#next && !page.complete) return;
    if (this.#next) this.#entries = this.#next;
    this.#next = undefined;
    this.version = page.version;
  }

  *pages(size: number): Generator<{ page: AccessPage; isFull: boolean }> {
    const entries = [...this.#entries.values()];
    let from = 0;
    do {
      const complete = from + size >= entries.length;
      yield { page: { version: this.version, entries: entries.slice(from, from + size), complete }, isFull: from === 0 };
      from += size;
    } while (from < entries.length);
  }
}
