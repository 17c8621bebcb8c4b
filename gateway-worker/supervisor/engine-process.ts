/**
 * One engine (stream or HTTP) as a child process: start, ask, watch, and start again with back-off when it dies or stops answering.
 * States: starting -> running -> dead -> (back-off) starting ...; closed is final.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { ChannelReport } from "../../contract/channel.ts";
import type { LogLine } from "../../contract/control.ts";
import type { EngineCommand, EngineMessage, EngineReport } from "../engine-messages.ts";
import { engineMessage } from "../engine-messages.ts";
import { Backoff } from "../net/backoff.ts";

/** A command that is answered; the id is set on sending. */
export type EngineQuestion = Exclude<Extract<EngineCommand, { id: number }>, { kind: "abort" }>;
type WithoutId<T> = T extends { id: number } ? Omit<T, "id"> : never;
export type EngineAnswer = Extract<EngineMessage, { id: number }>;

export type EngineProcessOptions = {
  index: number;
  /** What log lines call it; default: `engine <index>`. */
  label?: string;
  /** The runtime's binary and its arguments, the engine's entry file last. */
  command: [string, ...string[]];
  /** Called when the child said hello: feed it. A rejection kills and restarts it. */
  onHello: (engine: EngineProcess) => Promise<void>;
  onReport: (engine: EngineProcess, report: EngineReport) => void;
  /** An agent's channel opened or ended. */
  onChannel?: (engine: EngineProcess, channel: ChannelReport) => void;
  /** The child is gone; its last report still stands in `lastReport`. */
  onDeath: (engine: EngineProcess, why: string) => void;
  onLog: (line: LogLine) => void;
};

/** Seconds without a report (they come every second) after which an engine counts as hung and is killed. */
const silentTicksMax = 15;
/** An answer to a question later than this means the engine hangs, milliseconds. */
const answerTimeoutMs = 30_000;
/** An engine that ran this long counts as healthy again: its next restart is quick, milliseconds. */
const healthyAfterMs = 30_000;

export class EngineProcess {
  readonly index: number;
  state: "starting" | "running" | "dead" | "closed" = "dead";
  restarts = 0;
  runtime = "";
  lastReport: EngineReport | undefined;
  readonly #options: EngineProcessOptions;
  readonly #label: string;
  readonly #backoff = new Backoff({ firstMs: 100, maxMs: 10_000 });
  readonly #waiting = new Map<number, { resolve: (answer: EngineAnswer) => void; reject: (error: Error) => void; timer: NodeJS.Timeout }>();
  #child: ChildProcess | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #silentTicks = 0;
  #nextId = 1;
  #startedAt = 0;

  constructor(options: EngineProcessOptions) {
    this.index = options.index;
    this.#label = options.label ?? `engine ${options.index}`;
    this.#options = options;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts the child. Safe to call when it runs already. */
  start(): void {
    if (this.#child || this.state === "closed") return;
    const [file, ...args] = this.#options.command;
    this.state = "starting";
    this.lastReport = undefined;
    this.#startedAt = performance.now();
    // stdin is closed and both outputs are always read, so a chatty or crashing engine can never block on a full pipe (T38).
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe", "ipc"], serialization: "json", env: engineEnvironment() });
    this.#child = child;
    child.on("error", (error) => this.#ended(child, `could not run ${file}: ${error.message}`));
    child.on("exit", (code, signal) => this.#ended(child, signal ? `ended by ${signal}` : `exit code ${String(code)}`));
    child.on("message", (message) => this.#received(child, message));
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => this.#printed(text)).on("error", () => {});
    this.#silentTicks = 0;
    this.#watchTimer ??= setInterval(() => this.#watch(), 1_000).unref();
  }

  /** Sends a question; resolves with its answer, rejects when the engine dies or does not answer. */
  async ask(question: WithoutId<EngineQuestion>, timeoutMs = answerTimeoutMs): Promise<EngineAnswer> {
    if (!this.#child?.connected) throw new Error(`${this.#label} is not running`);
    const id = this.#nextId++;
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, new Error(`${this.#label} gave no answer to ${question.kind} in ${timeoutMs} ms`)), timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.tell({ ...question, id });
    });
  }

  /** Sends without waiting. Nothing happens when the engine is gone: its death is handled where it is noticed. */
  tell(command: EngineCommand): void {
    const child = this.#child;
    if (!child?.connected) return;
    child.send(command, () => {
      // The callback keeps a broken channel from throwing; "exit" follows and settles every open question.
    });
  }

  /** Kills the child; it is started again after the back-off. */
  restart(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Ends the child for good: asks by closing the channel, kills after 2 s. */
  async close(): Promise<void> {
    this.state = "closed";
    clearTimeout(this.#restartTimer);
    clearInterval(this.#watchTimer);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), 2_000);
    await gone;
    clearTimeout(timer);
  }

  #received(child: ChildProcess, raw: unknown): void {
    if (child !== this.#child) return;
    const parsed = engineMessage.safeParse(raw);
    if (!parsed.success) {
      this.#log("error", `${this.#label} sent a message that does not fit: ${parsed.error.issues[0]?.path.join(".") ?? ""} ${parsed.error.issues[0]?.message ?? ""}`);
      if (isReport(raw)) this.tell({ kind: "seen" });
      return;
    }
    this.#silentTicks = 0;
    const message = parsed.data;
    if (message.kind === "hello") this.#greet(message.runtime);
    else if (message.kind === "report") this.#reported(message);
    else if (message.kind === "channel") this.#options.onChannel?.(this, message.channel);
    else this.#settle(message.id, message);
  }

  #greet(runtime: string): void {
    this.runtime = runtime;
    this.#options.onHello(this).then(
      () => {
        if (this.state === "starting") this.state = "running";
      },
      (cause: unknown) => {
        if (this.state === "closed") return;
        this.#log("error", `${this.#label} could not be fed: ${cause instanceof Error ? cause.message : String(cause)}`);
        this.restart();
      },
    );
  }

  #reported(report: EngineReport): void {
    this.lastReport = report;
    this.tell({ kind: "seen" });
    this.#options.onReport(this, report);
  }

  #settle(id: number, result: EngineAnswer | Error): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (result instanceof Error) waiting.reject(result);
    else waiting.resolve(result);
  }

  #ended(child: ChildProcess, why: string): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, new Error(`${this.#label} ended: ${why}`));
    if (this.state === "closed") return;
    this.state = "dead";
    this.#options.onDeath(this, why);
    if (performance.now() - this.#startedAt > healthyAfterMs) this.#backoff.reset();
    const delayMs = this.#backoff.next();
    this.#log("error", `${this.#label} ended (${why}); starting it again in ${Math.round(delayMs)} ms`);
    this.restarts += 1;
    this.#restartTimer = setTimeout(() => this.start(), delayMs);
  }

  /** Counts ticks, not clock time, so a supervisor that was itself stopped does not kill healthy engines when it wakes. */
  #watch(): void {
    if (this.state !== "running") return;
    this.#silentTicks += 1;
    if (this.#silentTicks <= silentTicksMax) return;
    this.#silentTicks = 0;
    this.#log("error", `${this.#label} has not reported for ${silentTicksMax} s; killing it`);
    this.restart();
  }

  #printed(text: string): void {
    for (const line of text.split("\n").slice(0, 20)) if (line.trim() !== "") this.#log("warn", `${this.#label} printed: ${line.slice(0, 1_500)}`);
  }

  #log(level: LogLine["level"], message: string): void {
    this.#options.onLog({ at: new Date().toISOString(), level, message, fields: { engine: this.index, pid: this.pid } });
  }
}

function isReport(raw: unknown): boolean {
  return typeof raw === "object" && raw !== null && "kind" in raw && raw.kind === "report";
}

/** Engines get no secret of the supervisor's environment: only what a runtime needs to start. */
function engineEnvironment(): NodeJS.ProcessEnv {
  return { NODE_ENV: "production", NODE_NO_WARNINGS: "1", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0", DO_NOT_TRACK: "1" };
}
