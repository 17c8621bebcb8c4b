/**
 * Runs a script as a user of this computer, in a process group of its own: no input, a small environment without anything of the agent's, its output cut at the limit,
 * and the whole group ended at the timeout, at a cancellation and when the script itself has ended. The script's text is in no argument and under no name: the
 * interpreter reads it from an open file that has been removed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { Readable } from "node:stream";
import type { TaskOrder } from "../../contract/command.ts";
import { makePrivateDir } from "../files.ts";
import { platform } from "../platform/current.ts";
import type { ComputerUser } from "../platform/platform.ts";
import { type TaskContext, type TaskEnd, TaskFailed } from "./task.ts";

type ScriptOrder = Extract<TaskOrder, { kind: "run-script" }>;

/** Between the polite signal and the one that cannot be ignored, ms. */
const graceMs = 3_000;
/** After the script's own process has ended, how long its output may stay open, ms. */
const closingMs = 2_000;
const scriptDescriptor = 3;

export async function runScript(order: ScriptOrder, context: TaskContext): Promise<TaskEnd> {
  const user = order.user === "agent" ? null : await findUser(order.user);
  const child = start(order, user, context);
  const output = new CutOutput(order.outputMaxBytes, context);
  for (const stream of [child.stdout, child.stderr]) if (stream) output.read(stream);
  const outcome = await watch(child, order.timeoutSeconds * 1_000, context.signal);
  output.end();
  return endOf(outcome, order, output.isCut);
}

async function findUser(name: string): Promise<ComputerUser> {
  const user = await platform.user(name);
  if (!user) throw new TaskFailed(`There is no user ${name} on this computer.`);
  if (process.getuid?.() === user.uid) return user;
  if (process.getuid?.() !== 0) throw new TaskFailed(`This agent runs as an ordinary user and cannot run a script as ${name}; only "agent" is possible.`);
  return user;
}

function start(order: ScriptOrder, user: ComputerUser | null, context: TaskContext): ChildProcess {
  const [program, ...args] = interpreterOf(order.script);
  const descriptor = openScript(order.script, context);
  try {
    return spawn(program, [...args, `/proc/self/fd/${scriptDescriptor}`], {
      detached: true,
      cwd: directoryFor(user),
      // Somebody's types demand NODE_ENV of every environment; a script has no use for it.
      env: environmentFor(user, context.id) as NodeJS.ProcessEnv,
      stdio: ["ignore", "pipe", "pipe", descriptor],
      ...(user === null || user.uid === process.getuid?.() ? {} : { uid: user.uid, gid: user.gid }),
    });
  } catch (cause) {
    throw new TaskFailed(`The script could not be started: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    fs.closeSync(descriptor);
  }
}

/** `#!/usr/bin/env bash` names the interpreter; without such a line it is /bin/sh. The file need not be executable, nor its file system. */
export function interpreterOf(script: string): [string, ...string[]] {
  const line = /^#!\s*(\S+)(?:[ \t]+(\S[^\n]*?))?[ \t]*\r?\n/.exec(`${script}\n`);
  if (!line?.[1]) return ["/bin/sh"];
  return line[2] === undefined ? [line[1]] : [line[1], line[2]];
}

/** Readable by whoever has it open, reachable by nobody: it has no name any more, and had one only in a directory that is ours alone. */
function openScript(script: string, context: TaskContext): number {
  const directory = path.join(context.work.config.stateDir, "tasks");
  makePrivateDir(directory);
  const file = path.join(directory, `script-${context.id}`);
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, script.endsWith("\n") ? script : `${script}\n`, { mode: 0o444, flag: "wx" });
  try {
    fs.chmodSync(file, 0o444); // whatever the umask is
    return fs.openSync(file, "r");
  } finally {
    fs.rmSync(file, { force: true });
  }
}

function directoryFor(user: ComputerUser | null): string {
  return user !== null && fs.existsSync(user.home) ? user.home : "/";
}

function environmentFor(user: ComputerUser | null, taskId: string): Record<string, string> {
  const own: Record<string, string> = user === null ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name };
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", HOME: "/", ...own, SALLYPORT_TASK: taskId };
}

type Outcome = { kind: "ended"; code: number | null; signal: NodeJS.Signals | null } | { kind: "timeout" } | { kind: "not-started"; reason: string };

async function watch(child: ChildProcess, timeoutMs: number, cancelled: AbortSignal): Promise<Outcome> {
  let isLate = false;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    endGroup(child, "SIGTERM");
    killTimer ??= setTimeout(() => endGroup(child, "SIGKILL"), graceMs);
  };
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, timeoutMs);
  cancelled.addEventListener("abort", stop, { once: true });
  if (cancelled.aborted) stop();
  try {
    const outcome = await ended(child);
    endGroup(child, "SIGKILL"); // whatever the script has left behind in its group
    cancelled.throwIfAborted();
    return isLate ? { kind: "timeout" } : outcome;
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    cancelled.removeEventListener("abort", stop);
  }
}

/** The process has ended and its output is read; output that somebody else keeps open is waited for only shortly. */
function ended(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve) => {
    let outcome: Outcome | undefined;
    child.once("error", (error) => resolve({ kind: "not-started", reason: error.message }));
    child.once("exit", (code, signal) => {
      outcome = { kind: "ended", code, signal };
      endGroup(child, "SIGKILL");
      setTimeout(() => resolve(outcome ?? { kind: "ended", code, signal }), closingMs).unref();
    });
    child.once("close", (code, signal) => resolve(outcome ?? { kind: "ended", code, signal }));
  });
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in it.
  }
}

function endOf(outcome: Outcome, order: ScriptOrder, isOutputCut: boolean): TaskEnd {
  switch (outcome.kind) {
    case "not-started":
      return { state: "failed", message: `The script could not be started: ${outcome.reason}${/EPERM/.test(outcome.reason) ? ". The agent's service may not change users; its unit file says how to allow it." : ""}`, isOutputCut };
    case "timeout":
      return { state: "failed", message: `The script was ended after ${order.timeoutSeconds} seconds.`, isOutputCut };
    case "ended":
      if (outcome.signal !== null) return { state: "failed", message: `The script was ended by ${outcome.signal}.`, isOutputCut };
      return { state: outcome.code === 0 ? "done" : "failed", message: `The script ended with code ${outcome.code ?? "?"}.`, exitCode: outcome.code, isOutputCut };
  }
}

/** Both streams in the order in which they came, up to the limit; the rest is read and dropped, so that the script does not hang. */
class CutOutput {
  isCut = false;
  #left: number;
  readonly #context: TaskContext;
  readonly #decoders: StringDecoder[] = [];

  constructor(bytesMax: number, context: TaskContext) {
    this.#left = bytesMax;
    this.#context = context;
  }

  read(stream: Readable): void {
    const decoder = new StringDecoder("utf8");
    this.#decoders.push(decoder);
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => {
      const taken = chunk.subarray(0, this.#left);
      this.#left -= taken.length;
      if (taken.length < chunk.length) this.isCut = true;
      if (taken.length === 0) return;
      this.#context.output(decoder.write(taken));
      stream.pause();
      void this.#context.room().then(() => stream.resume());
    });
  }

  end(): void {
    for (const decoder of this.#decoders) this.#context.output(decoder.end());
  }
}
