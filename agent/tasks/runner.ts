/**
 * Takes commands from the console and carries them out, one task at a time. States of a task here: queued -> running -> ended; a cancellation ends it from both.
 * Every step that decides is in the journal before it is acted upon.
 */
import { z } from "zod";
import { type CommandClaims, commandsMax, type TaskResult } from "../../contract/command.ts";
import { CommandKeyStore } from "../command-keys.ts";
import { asAgentError } from "../errors.ts";
import type { AgentWork } from "../work.ts";
import { carryOut } from "./carry-out.ts";
import { TaskFeed } from "./feed.ts";
import { TaskJournal, type Unfinished } from "./journal.ts";
import { Outbox } from "./outbox.ts";
import { CommandRefused, readCommand } from "./read-command.ts";
import { renewWhenDue } from "./rotate.ts";
import { scriptProblem } from "./script-permission.ts";
import { confirmProgram, runningProgram } from "./program.ts";
import { type TaskContext, type TaskEnd, TaskFailed, type TaskRestart } from "./task.ts";

type TaskClaims = CommandClaims & { command: { kind: "task" } };
type Current = { id: string; stop: AbortController; why: "cancelled" | "stopped" | null };

/** Wider than the contract's list: one command that is too long must not keep the others away. What arrives is bounded by the connection. */
const fetched = z.object({ commands: z.array(z.string()) });
/** Rounds of one fetch: each answer may leave more behind that did not fit. */
const roundsMax = 40;
const retryMs = 3_000;
const sendAfterMs = 50;
/** Sequence of what is said about a task of an earlier run: higher than any that it had. */
const laterSequence = 2_000_000_000;
/** A damaged delivery is repeated at most so often, ms. */
const redeliverEveryMs = 3_600_000;

export class TaskRunner {
  readonly #work: AgentWork;
  readonly #keys: CommandKeyStore;
  readonly #journal: TaskJournal;
  readonly #outbox: Outbox;
  readonly #feeds = new Map<string, TaskFeed>();
  #queue: TaskClaims[] = [];
  #current: Current | undefined;
  #working: Promise<void> | undefined;
  #isFetching = false;
  #isFetchWanted = false;
  #retry: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Nothing more is taken: the agent is about to be started again. */
  #isRestarting = false;
  #redeliveredAt = Number.NEGATIVE_INFINITY;

  constructor(work: AgentWork) {
    this.#work = work;
    this.#keys = new CommandKeyStore(work.config.stateDir);
    this.#journal = new TaskJournal(work.config.stateDir, Math.floor(Date.now() / 1_000));
    this.#outbox = new Outbox(work, (result) => {
      if (result.state !== "running") this.#journal.told(result.taskId);
    });
    for (const left of this.#journal.unfinished()) this.#tellOf(left);
    work.onWake.push(() => this.fetch());
    work.onReply.push((reply) => void this.#afterReport(reply));
  }

  /** Fetches and carries out; calls at once are one. */
  fetch(): void {
    this.#isFetchWanted = true;
    if (!this.#isFetching) void this.#fetchAll();
  }

  /** Ends the running task and says so, as far as that is possible within `withinMs`. */
  async close(withinMs = 2_000): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#flushTimer);
    if (this.#current) this.#current.why ??= "stopped";
    this.#current?.stop.abort();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)));
    await Promise.race([Promise.allSettled([this.#working]), late]);
    clearTimeout(timer);
  }

  /** A run before this one left a task behind: it is told how that ended, and never done again. */
  #tellOf(left: Unfinished): void {
    if (left.kind === "ended") return this.#outbox.add({ ...left.result, sequence: laterSequence });
    const end = endOfLeft(left);
    const result = { taskId: left.id, sequence: laterSequence, at: new Date().toISOString(), progress: null, output: "", isOutputCut: false, exitCode: null, findings: [], ...end };
    this.#journal.end(left.id, result);
    this.#outbox.add(result);
  }

  async #afterReport(reply: { commandsWaiting: number; areKeysWanted: boolean }): Promise<void> {
    confirmProgram(this.#work.config.stateDir);
    try {
      await this.#deliverKeys(reply.areKeysWanted);
      await renewWhenDue(this.#work);
    } catch (error) {
      this.#work.log.warn("what commands need could not be brought up to date; tried again after the next report", { reason: messageOf(error) });
    }
    if (reply.commandsWaiting > 0 || !this.#outbox.isEmpty) this.fetch();
  }

  async #deliverKeys(isWanted: boolean): Promise<void> {
    const identity = this.#work.identity();
    const [consoleKey] = this.#work.policy().consoleKeys.encryption;
    if (!identity || !consoleKey) return;
    const keys = await this.#keys.keysOf(identity);
    if (keys.isDelivered && !isWanted) return;
    await this.#work.ask({ method: "PUT", path: "/v1/keys", body: { sealed: await this.#keys.seal(identity, consoleKey) } });
    this.#keys.markDelivered();
    this.#work.log.info("the key for commands was delivered to the console", { key: keys.kid });
  }

  async #fetchAll(): Promise<void> {
    clearTimeout(this.#retry);
    this.#isFetching = true;
    try {
      for (let round = 0; this.#isFetchWanted && round < roundsMax && !this.#isClosed; round += 1) {
        this.#isFetchWanted = false;
        // What the console should know first, so that it does not give out again what is here already.
        await this.#outbox.flush();
        if (this.#isRestarting) return;
        const answer = await this.#work.ask({ method: "GET", path: "/v1/commands" });
        const { commands } = fetched.parse(JSON.parse(answer.body.toString("utf8")));
        if (commands.length > commandsMax) this.#work.log.warn("more commands came at once than there can be; the rest is not looked at", { commands: commands.length });
        for (const command of commands.slice(0, commandsMax)) if (await this.#take(command)) this.#isFetchWanted = true;
      }
      await this.#outbox.flush();
    } catch (error) {
      if (this.#isClosed) return;
      const failure = asAgentError(error, "lan-unreachable");
      this.#work.log.warn("commands could not be fetched, or results not be sent", { code: failure.code, detail: failure.message });
      this.#fetchLater();
    } finally {
      this.#isFetching = false;
    }
  }

  /** False: nothing new came, so that there is nothing more to be had behind it either. */
  async #take(sealed: string): Promise<boolean> {
    const identity = this.#work.identity();
    if (!identity || this.#isRestarting) return false;
    try {
      const claims = await readCommand(sealed, { agentId: identity.agentId, organisationId: identity.organisationId, keys: await this.#keys.keysOf(identity), consoleKeys: this.#work.policy().consoleKeys, now: this.#work.now() });
      if (this.#journal.isForgotten(claims.exp)) throw new CommandRefused("command-expired", "It expired so long ago that its id is not remembered.", claims.jti);
      if (this.#journal.has(claims.jti)) throw new CommandRefused("command-replayed", "A command with this id came before.", claims.jti);
      if (claims.command.kind === "cancel") this.#cancel(claims, claims.command.taskId);
      else this.#accept({ ...claims, command: claims.command });
      return true;
    } catch (error) {
      if (!(error instanceof CommandRefused)) throw error;
      this.#refuse(error);
      return error.code !== "command-replayed";
    }
  }

  #refuse(refusal: CommandRefused): void {
    this.#work.log.warn("a command was refused", { code: refusal.code, detail: refusal.message, command: refusal.commandId });
    this.#outbox.reject({ commandId: refusal.commandId, code: refusal.code, detail: refusal.message.slice(0, 500), at: new Date().toISOString() });
    const isKeyDoubtful = refusal.code === "command-unreadable" || refusal.code === "command-token";
    if (!isKeyDoubtful || Date.now() - this.#redeliveredAt < redeliverEveryMs) return;
    // The console may hold keys of an earlier time (a restored backup): it gets ours once more.
    this.#redeliveredAt = Date.now();
    void this.#deliverKeys(true).catch((error: unknown) => this.#work.log.warn("the key for commands could not be delivered again", { reason: messageOf(error) }));
  }

  #accept(claims: TaskClaims): void {
    const { order } = claims.command;
    this.#journal.see(claims.jti, claims.exp, true);
    const problem = order.kind === "run-script" ? scriptProblem(order, this.#work.policy().reach.scripts) : null;
    if (problem !== null) {
      this.#journal.told(claims.jti);
      throw new CommandRefused("command-denied", problem, claims.jti);
    }
    const feed = new TaskFeed(claims.jti, (result) => this.#tell(result));
    this.#feeds.set(claims.jti, feed);
    feed.progress(null, this.#current ? "Waits for the task before it." : "Taken.");
    feed.flush();
    this.#queue.push(claims);
    this.#working ??= this.#workOff().finally(() => (this.#working = undefined));
  }

  /** Sure to be over afterwards: one that comes later is a repetition of an id that was seen. */
  #cancel(claims: CommandClaims, taskId: string): void {
    this.#journal.see(claims.jti, claims.exp, false);
    if (this.#current?.id === taskId) {
      this.#current.why ??= "cancelled";
      this.#current.stop.abort();
      return;
    }
    const isNew = !this.#journal.has(taskId);
    if (isNew) this.#journal.see(taskId, claims.exp, true);
    const isQueued = this.#queue.some((queued) => queued.jti === taskId);
    if (!isNew && !isQueued) return;
    this.#queue = this.#queue.filter((queued) => queued.jti !== taskId);
    this.#end(taskId, { state: "cancelled", message: "Cancelled before it began." });
  }

  async #workOff(): Promise<void> {
    for (let next = this.#queue.shift(); next && !this.#isClosed && !this.#isRestarting; next = this.#queue.shift()) await this.#run(next);
  }

  async #run(claims: TaskClaims): Promise<void> {
    const id = claims.jti;
    const current: Current = { id, stop: new AbortController(), why: null };
    this.#current = current;
    this.#journal.start(id);
    // The log travels in the inner TLS alone; what a command says and what came of it are for the console only.
    this.#work.log.info("a task begins", { task: id });
    this.#work.log.debug("the task's order", { task: id, kind: claims.command.order.kind });
    const outcome = await this.#attempt(claims, current);
    this.#current = undefined;
    this.#work.log.info("a task ended", { task: id });
    this.#work.log.debug("the task's outcome", { task: id, state: outcome.state, detail: outcome.message });
    if (outcome.state === "restarting") return this.#restart(id, outcome);
    this.#end(id, outcome);
    if (claims.command.order.kind === "restart" && outcome.state === "done") await this.#restart(id, null);
  }

  async #attempt(claims: TaskClaims, current: Current): Promise<(Omit<TaskEnd, "state"> & { state: TaskEnd["state"] | "cancelled" }) | TaskRestart> {
    const feed = this.#feeds.get(current.id);
    const context: TaskContext = {
      id: current.id,
      work: this.#work,
      signal: current.stop.signal,
      progress: (percent, message) => feed?.progress(percent, message),
      output: (text) => feed?.output(text),
      room: () => this.#outbox.room(),
    };
    context.progress(null, "Runs.");
    try {
      const end = await carryOut(claims.command.order, context);
      return current.why === "cancelled" && end.state !== "done" ? { ...end, state: "cancelled", message: "Cancelled." } : end;
    } catch (error) {
      if (current.why === "cancelled") return { state: "cancelled", message: "Cancelled." };
      if (current.why === "stopped") return { state: "failed", message: "The agent was stopped while the task ran." };
      if (!(error instanceof TaskFailed)) this.#work.log.debug("a task failed unexpectedly", { task: current.id, reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      return { state: "failed", message: messageOf(error) };
    }
  }

  #end(id: string, end: Omit<TaskEnd, "state"> & { state: TaskEnd["state"] | "cancelled" }): void {
    const feed = this.#feeds.get(id) ?? new TaskFeed(id, (result) => this.#tell(result));
    this.#feeds.delete(id);
    this.#journal.end(id, feed.end(end));
  }

  #tell(result: TaskResult): void {
    this.#outbox.add(result);
    this.#sendSoon();
  }

  /** `restart` null: the task has ended and been told; otherwise the next run tells how it went. */
  async #restart(id: string, restart: TaskRestart | null): Promise<void> {
    this.#isRestarting = true;
    if (restart) {
      this.#journal.restarting(id, restart.program);
      this.#feeds.get(id)?.progress(90, restart.message);
      this.#feeds.get(id)?.flush();
    }
    await this.#outbox.flush().catch((error: unknown) => this.#work.log.warn("the agent restarts before the console has heard of it", { reason: messageOf(error) }));
    this.#work.stop();
  }

  #sendSoon(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      void this.#outbox.flush().then(() => {
        if (!this.#outbox.isEmpty) this.#sendSoon();
      }, (error: unknown) => {
        this.#work.log.debug("results wait", { reason: messageOf(error) });
        this.#fetchLater();
      });
    }, sendAfterMs);
  }

  #fetchLater(): void {
    clearTimeout(this.#retry);
    if (!this.#isClosed) this.#retry = setTimeout(() => this.fetch(), retryMs);
  }
}

function endOfLeft(left: Exclude<Unfinished, { kind: "ended" }>): { state: "done" | "failed"; message: string } {
  switch (left.kind) {
    case "not-started": return { state: "failed", message: "The agent stopped before it could act; nothing was done." };
    case "started": return { state: "failed", message: "The agent stopped while the task ran; how far it came is not known." };
    case "restarting": {
      if (left.program === null || left.program === runningProgram()) return { state: "done", message: "The agent came up again with the new program." };
      return { state: "failed", message: "The agent came up again, but not with the new program: it ended before it was connected, or the installation's starter is an older one." };
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
