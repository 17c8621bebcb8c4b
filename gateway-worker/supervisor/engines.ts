/**
 * The gateway's engines as one: start, feed, watch, restart, drain (DESIGN section 1). Stream engines always run; one HTTP engine runs while a service of
 * protocol `http` needs it, and its death ends nothing but the HTTP connections that it holds.
 * A snapshot is applied to all of them or to none; an engine that was restarted is fed the snapshot in force and the whole access table again.
 */
import { fileURLToPath } from "node:url";
import type { AccessPage } from "../../contract/access.ts";
import type { ChannelReport } from "../../contract/channel.ts";
import type { ChannelElsewhere, LogLine, Refusal, SnapshotProblem, TunnelReport } from "../../contract/control.ts";
import type { RelayReport } from "../../contract/relay.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { ServiceLoad } from "../../contract/virtual-service.ts";
import type { EngineCommand, EngineReport, GatewayIdentityPem, ListenerCertificatePem } from "../engine-messages.ts";
import { AccessCopy } from "./access-copy.ts";
import { AgentChannels } from "./agent-channels.ts";
import { engineCommand } from "./engine-command.ts";
import { EngineProcess } from "./engine-process.ts";
import { type EngineGroupStatus, EngineTotals, linesOf, mergeListeners } from "./engine-reports.ts";
import { forHttpEngine, HttpEngine } from "./http-engine.ts";
import { distinct, prepare, type Prepared } from "./prepare-engine.ts";
import { portProblems } from "./listener-ports.ts";
import { ReachSockets } from "./reach-sockets.ts";
import { ServiceLoads } from "./service-loads.ts";

export { installedBunPath } from "./engine-command.ts";
export type { EngineGroupStatus } from "./engine-reports.ts";

export type EngineGroupOptions = {
  runtime: "bun" | "node";
  /** Stream engines to run; one per core is the default of the gateway. 1 to 256. */
  count: number;
  /** The stream engine's entry file; default: `../stream/main.ts` beside this one. */
  enginePath?: string;
  /** The HTTP engine's entry file, always run by Node; default: `../http/main.ts` beside this one. */
  httpEnginePath?: string;
  /** Folder of this gateway alone; the HTTP engine's socket lies below it where its path is short enough. Default: a temporary folder. */
  stateDir?: string;
  /** What engines prove themselves with where they dial; default: they dial nobody. */
  gatewayIdentity?: GatewayIdentityPem;
  /** Bun's binary, when `runtime` is `bun`; default: the one of the optional dependency. */
  bunPath?: string;
  /** Node's binary; default: the one that runs this process. */
  nodePath?: string;
  /** Refusals since the last call, at most once a second per engine, and how many did not fit the engine's bounded queue. */
  onRefusals: (refusals: Refusal[], dropped: number) => void;
  /** Tunnels that opened, moved bytes or ended since the last call. */
  onTunnels: (reports: TunnelReport[], engine: number) => void;
  /** An engine is gone, and every tunnel it had with it. */
  onEngineGone?: (engine: number) => void;
  /** What else a new engine is told (verdicts on members, kept clients), before it serves and once more when it does. */
  onFeed?: (engine: number) => EngineCommand[];
  /** Dials to members and clients kept since an engine's last report. */
  onServices?: (engine: number, report: Pick<EngineReport, "dials" | "sticky">) => void;
  /** Agent channels that opened, moved or ended, at once. */
  onChannels?: (reports: ChannelReport[]) => void;
  onRelays?: (reports: RelayReport[], engine: number) => void;
  /** After every engine's report and every change of an engine's state. */
  onStatus: (status: EngineGroupStatus) => void;
  onLog: (line: LogLine) => void;
};

export type ApplyResult = { ok: true } | { ok: false; problems: SnapshotProblem[] };

type InForce = { snapshot: Snapshot; certificates: ListenerCertificatePem[] };
/** Entries per access message when a restarted engine is fed; the contract's bound of a page. */
const accessPageMax = 5_000;

export class EngineGroup {
  readonly #options: EngineGroupOptions;
  readonly #streams: EngineProcess[];
  readonly #http: HttpEngine;
  readonly #access = new AccessCopy();
  readonly #totals = new EngineTotals();
  readonly #channels = new AgentChannels();
  readonly #sockets: ReachSockets;
  readonly #loads = new ServiceLoads();
  /** Engine, and the process of it that was told what `onFeed` says. */
  readonly #told = new Map<number, number>();
  #inForce: InForce | undefined;
  #isDraining = false;
  /** The stream engine that dials relays; another one takes over when it dies. */
  #dialer = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: EngineGroupOptions) {
    this.#options = options;
    this.#sockets = new ReachSockets(options.stateDir, options.count);
    const command = engineCommand(options);
    const watched = {
      onReport: (engine: EngineProcess, report: EngineReport) => this.#reported(engine, report),
      onDeath: (engine: EngineProcess, why: string) => this.#died(engine, why),
      onLog: options.onLog,
    };
    this.#streams = Array.from({ length: options.count }, (_, index) => new EngineProcess({
      index,
      command: [command[0], ...command.slice(1), String(index), String(options.count)],
      onHello: async (engine) => await this.#inTurn(async () => await this.#feed(engine)),
      onChannel: (engine, channel) => this.#channelsMoved(engine.index, [channel]),
      ...watched,
    }));
    this.#http = new HttpEngine({
      ...watched,
      index: options.count,
      command: [options.nodePath ?? process.execPath, "--no-warnings", options.httpEnginePath ?? fileURLToPath(new URL("../http/main.ts", import.meta.url)), "0", "1"],
      stateDir: options.stateDir,
      feed: async (engine) => await this.#inTurn(async () => await this.#feedHttp(engine)),
    });
  }

  /** Starts the stream engines; resolves when each one is ready to be given a snapshot (or rejects after `timeoutMs`, naming those that are not). */
  async start(timeoutMs = 20_000): Promise<void> {
    for (const engine of this.#streams) engine.start();
    const deadline = performance.now() + timeoutMs;
    while (this.#streams.some((engine) => engine.state !== "running")) {
      if (performance.now() > deadline) throw new Error(`engines ${this.#streams.filter((engine) => engine.state !== "running").map((engine) => engine.index).join(", ")} did not start within ${timeoutMs} ms; the log names why`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Applies a snapshot to all engines or to none. On failure the one in force goes on serving everywhere. Calls queue up. */
  async apply(snapshot: Snapshot, certificates: ListenerCertificatePem[]): Promise<ApplyResult> {
    return await this.#inTurn(async () => await this.#apply({ snapshot, certificates }));
  }

  /** Passes a page of the access stream on. `isFull` starts a new table that is in force as a whole once a page with `complete` came. Resolves when every stream engine refuses or admits accordingly. */
  async access(page: AccessPage, isFull = false): Promise<{ tunnelsEnded: number }> {
    return await this.#inTurn(async () => {
      this.#access.take(page, isFull);
      const answers = await Promise.allSettled(this.#runningStreams().map(async (engine) => await engine.ask({ kind: "access", page, isFull })));
      return { tunnelsEnded: answers.reduce((sum, answer) => sum + (answer.status === "fulfilled" && answer.value.kind === "access-applied" ? answer.value.tunnelsEnded : 0), 0) };
    });
  }

  /** Sends every running engine a command without an answer; `make` may return undefined for an engine that needs none. */
  tell(make: (engine: number) => Extract<EngineCommand, { kind: "members" | "sticky" | "cut-member" }> | undefined): void {
    for (const engine of this.#all()) {
      if (engine.state !== "running") continue;
      const command = make(engine.index);
      if (command) engine.tell(command);
    }
  }

  /** Tells the engines that commands wait for these agents. Those without a channel here learn it at their next report. */
  knock(agentIds: readonly string[]): void {
    const byEngine = Map.groupBy(agentIds, (agentId) => this.#channels.of(agentId)?.engine);
    for (const [engine, ids] of byEngine) if (engine !== undefined) this.#streams[engine]?.tell({ kind: "knock", agentIds: ids });
  }

  /** Channels of these agents that are older, and of another run than the one named, end (T22). */
  endOlder(channels: readonly ChannelElsewhere[]): void {
    for (const { agentId, instance, openedAt, source } of channels) {
      const held = this.#channels.of(agentId);
      if (held) this.#streams[held.engine]?.tell({ kind: "channel-elsewhere", agentId, instance, openedAt, source });
    }
  }

  /** Open agent channels, as the engines said at once. */
  get channels(): AgentChannels {
    return this.#channels;
  }

  /** Path of the Unix socket on which the engine that holds this agent's channel opens streams to it; undefined when none does. */
  reachSocketOf(agentId: string): string | undefined {
    const held = this.#channels.of(agentId);
    return held && this.#streams[held.engine]?.state === "running" ? this.#sockets.of(held.engine) : undefined;
  }

  /** Numbers of the virtual services in force, over all engines since the start. */
  loads(): ServiceLoad[] {
    return this.#loads.all();
  }

  /** Open connections to each of these members, by engine. */
  connections(memberIds: ReadonlySet<string>): Map<string, Map<number, number>> {
    return this.#loads.connections(memberIds);
  }

  /** What the engines last reported, put together. Connections and bytes are the stream engines': those of the HTTP engine came through them. */
  status(): EngineGroupStatus {
    const reports = this.#streams.map((engine) => engine.lastReport).filter((report) => report !== undefined);
    return {
      revision: this.#inForce?.snapshot.revision ?? 0,
      accessVersion: this.#access.version,
      isDraining: this.#isDraining,
      listeners: mergeListeners(reports),
      engines: this.#all().map((engine) => ({ index: engine.index, runtime: engine === this.#http.process ? `${engine.runtime}, HTTP`.slice(0, 40) : engine.runtime, pid: engine.pid, state: engine.state === "closed" ? "dead" : engine.state, restarts: engine.restarts, tunnels: engine.lastReport?.counters.tunnels ?? 0, residentBytes: engine.lastReport?.counters.residentBytes ?? 0 })),
      ...this.#totals.with(reports),
      channels: this.#channels.size,
      loopDelayMaxMs: Math.max(0, ...this.#all().map((engine) => engine.lastReport?.counters.loopDelayMaxMs ?? 0)),
    };
  }

  /** Takes no new connections, lets the open ones finish for `timeoutMs`, then cuts them. Resolves when none is left. */
  async drain(timeoutMs: number): Promise<{ tunnelsCut: number }> {
    this.#isDraining = true;
    const http = this.#http.process;
    const drained = http?.state === "running" ? http.ask({ kind: "drain", timeoutMs }, timeoutMs + 10_000).catch(() => undefined) : undefined; // one that dies has drained, too
    const answers = await Promise.allSettled(this.#runningStreams().map(async (engine) => await engine.ask({ kind: "drain", timeoutMs }, timeoutMs + 10_000)));
    await drained;
    return { tunnelsCut: answers.reduce((sum, answer) => sum + (answer.status === "fulfilled" && answer.value.kind === "drained" ? answer.value.tunnelsCut : 0), 0) };
  }

  /** Asks every engine to report at once, and forgets about it; `onStatus` follows. */
  refresh(): void {
    for (const engine of this.#all()) engine.tell({ kind: "report" });
  }

  /** Ends every engine now, with whatever connections it has. */
  async close(): Promise<void> {
    await Promise.all([...this.#streams.map(async (engine) => await engine.close()), this.#http.close()]);
    this.#sockets.remove();
  }

  #all(): EngineProcess[] {
    return this.#http.process ? [...this.#streams, this.#http.process] : this.#streams;
  }

  #runningStreams(): EngineProcess[] {
    return this.#streams.filter((engine) => engine.state === "running");
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
    const engines = this.#runningStreams();
    if (engines.length === 0) return { ok: false, problems: [{ path: "", code: "no-engine", message: "no stream engine is running; the gateway's log names why" }] };
    const taken = await portProblems(next.snapshot, this.#inForce?.snapshot);
    if (taken.length > 0) return { ok: false, problems: taken };
    const http = await this.#http.ready(next.snapshot);
    const prepared = await Promise.all([...engines.map(async (engine) => await this.#prepare(engine, next)), ...(http ? [this.#prepareHttp(http, next)] : [])]);
    const problems = distinct(prepared.flatMap((result) => result.problems));
    if (problems.length > 0) {
      for (const result of prepared) if (result.id !== undefined) result.engine.tell({ kind: "abort", id: result.id });
      await this.#retireHttp();
      return { ok: false, problems };
    }
    // From here it is in force: an engine that dies while committing is restarted with the new snapshot.
    this.#inForce = next;
    this.#loads.keepOnly(new Set(next.snapshot.virtualServices.map((service) => service.id)));
    // The HTTP engine first: it must know a service before a stream engine hands it a connection of it.
    await Promise.allSettled(prepared.filter(({ engine }) => engine === http).map(async (one) => await this.#commit(one)));
    await Promise.allSettled(prepared.filter(({ engine }) => engine !== http).map(async (one) => await this.#commit(one)));
    await this.#retireHttp();
    this.#options.onStatus(this.status());
    return { ok: true };
  }

  /** Ends the HTTP engine where nothing needs it any more; what it counted stays. */
  async #retireHttp(): Promise<void> {
    await this.#http.retireUnless(this.#inForce?.snapshot);
    if (!this.#http.process) this.#loads.died(this.#streams.length);
  }

  async #prepare(engine: EngineProcess, next: InForce): Promise<Prepared> {
    return await prepare(engine, { ...next, httpSocket: this.#http.socketPath(next.snapshot), reachSocket: this.#sockets.of(engine.index), dialsRelays: engine.index === this.#dialer, gatewayIdentity: this.#options.gatewayIdentity ?? null });
  }

  async #prepareHttp(engine: EngineProcess, next: InForce): Promise<Prepared> {
    const { problems, ...prepared } = await prepare(engine, { snapshot: forHttpEngine(next.snapshot), certificates: [], httpSocket: this.#http.socketPath(next.snapshot) });
    // An engine that died here is fed again when it is back; only what it says about the snapshot counts against it.
    return { ...prepared, problems: problems.filter((problem) => problem.code !== "engine-died") };
  }

  /** Gives a new stream engine everything that is in force: who may connect first, then what to serve. */
  async #feed(engine: EngineProcess): Promise<void> {
    if (this.#streams[this.#dialer]?.state === "dead") this.#dialer = engine.index;
    for (const { page, isFull } of this.#access.pages(accessPageMax)) await engine.ask({ kind: "access", page, isFull });
    if (!this.#inForce || this.#isDraining) return;
    await this.#feedSnapshot(engine, await this.#prepare(engine, this.#inForce));
  }

  async #feedHttp(engine: EngineProcess): Promise<void> {
    if (!this.#inForce || this.#isDraining || engine !== this.#http.process || this.#http.isFed(engine)) return;
    await this.#feedSnapshot(engine, await prepare(engine, { snapshot: forHttpEngine(this.#inForce.snapshot), certificates: [], httpSocket: this.#http.socketPath(this.#inForce.snapshot) }));
  }

  async #feedSnapshot(engine: EngineProcess, prepared: Prepared): Promise<void> {
    const { id, problems } = prepared;
    if (problems.length > 0 || id === undefined) throw new Error(`it refused the snapshot in force: ${problems.map((problem) => problem.message).join("; ")}`);
    await this.#commit(prepared);
  }

  /** Swaps; a process that has not heard it yet is told beside it who may take connections and who is kept where. */
  async #commit({ engine, pid, id }: Prepared): Promise<void> {
    if (id === undefined || engine.pid !== pid) return; // it died meanwhile; its successor is fed when it says hello
    const more = this.#told.get(engine.index) === pid ? [] : (this.#options.onFeed?.(engine.index) ?? []);
    this.#told.set(engine.index, pid);
    // Before, so that no client meets a member that is down; behind it again, because kept clients belong to a service that must be known.
    for (const command of more) engine.tell(command);
    const committed = engine.ask({ kind: "commit", prepared: id });
    for (const command of more) engine.tell(command);
    await committed;
    if (engine === this.#http.process) this.#http.fed(engine);
  }

  #reported(engine: EngineProcess, report: EngineReport): void {
    if (report.refusals.length > 0 || report.refusalsDropped > 0) this.#options.onRefusals(report.refusals, report.refusalsDropped);
    if (report.tunnels.length > 0) this.#options.onTunnels(report.tunnels, engine.index);
    if (engine !== this.#http.process) this.#channelsMoved(engine.index, report.channels);
    if (report.relays.length > 0) this.#options.onRelays?.(report.relays, engine.index);
    this.#loads.take(engine.index, report.services);
    if (report.dials.length > 0 || report.sticky.length > 0) this.#options.onServices?.(engine.index, report);
    for (const line of linesOf(report)) this.#options.onLog(line);
    if (engine === this.#http.process && report.counters.connections === 0) void this.#inTurn(async () => await this.#retireHttp());
    this.#options.onStatus(this.status());
  }

  #died(engine: EngineProcess, why: string): void {
    const last = engine.lastReport?.counters;
    engine.lastReport = undefined;
    this.#loads.died(engine.index);
    const isHttp = engine === this.#http.process;
    if (last && !isHttp) this.#totals.keep(last);
    const what = isHttp ? `the HTTP engine is gone with ${last?.connections ?? 0} connections` : `stream engine ${engine.index} is gone with ${last?.tunnels ?? 0} tunnels`;
    this.#options.onLog({ at: new Date().toISOString(), level: "error", message: `${what}: ${why}`, fields: { engine: engine.index } });
    if (!isHttp) this.#streamEngineGone(engine.index);
    this.#options.onEngineGone?.(engine.index);
    this.#options.onStatus(this.status());
  }

  /** A channel that is new is told to the other engines: a second machine of the same identity ends the first one's (T22). */
  #channelsMoved(engine: number, reports: readonly ChannelReport[]): void {
    for (const { channelId, agentId, instance, openedAt, source, endedAt } of reports) {
      if (endedAt !== null || this.#channels.knows(channelId)) continue;
      for (const other of this.#runningStreams()) if (other.index !== engine) other.tell({ kind: "channel-elsewhere", agentId, instance, openedAt, source });
    }
    const news = this.#channels.take(engine, reports);
    if (news.length > 0) this.#options.onChannels?.(news);
  }

  /** Its channels are lost at once; when it dialled relays, a living engine does so from now on. */
  #streamEngineGone(index: number): void {
    this.#sockets.clear(index);
    const lost = this.#channels.engineGone(index, new Date());
    if (lost.length > 0) this.#options.onChannels?.(lost);
    if (index !== this.#dialer) return;
    const next = this.#runningStreams()[0];
    if (!next) return; // whichever comes back first takes it, see #feed
    this.#dialer = next.index;
    void this.#inTurn(async () => await this.#feedAgain(next));
  }

  /** Gives a living engine the snapshot in force once more: something beside the snapshot changed for it. */
  async #feedAgain(engine: EngineProcess): Promise<void> {
    if (!this.#inForce || this.#isDraining || engine.state !== "running") return;
    try {
      await this.#feedSnapshot(engine, await this.#prepare(engine, this.#inForce));
    } catch (cause) {
      // An engine that refuses what it serves is of no use; its successor is fed from scratch.
      this.#options.onLog({ at: new Date().toISOString(), level: "error", message: `stream engine ${engine.index} could not take over dialling relays: ${cause instanceof Error ? cause.message : String(cause)}`, fields: { engine: engine.index } });
      engine.restart();
    }
  }
}
