/**
 * Which commands were seen, and how far each task came, on disk before anything is done: a command is carried out at most once, also when the power fails in between.
 * One JSON line per step, flushed. States of a task: seen -> started -> ended -> told.
 */
import fs from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type TaskResult, taskResult } from "../../contract/command.ts";
import { makePrivateDir, readTextFile, writeFileWhole } from "../files.ts";

const step = z.discriminatedUnion("step", [
  /** Commands that expired at or before this second are refused as expired: their ids are no longer kept. */
  z.strictObject({ step: z.literal("forgotten"), until: z.number().int() }),
  /** `isTask` false: a cancellation, or a task that ended before this line. */
  z.strictObject({ step: z.literal("seen"), id: z.uuid(), exp: z.number().int(), isTask: z.boolean() }),
  z.strictObject({ step: z.literal("started"), id: z.uuid() }),
  /** The agent is about to be started again; `program` is the SHA-256 of the program that should come up. */
  z.strictObject({ step: z.literal("restarting"), id: z.uuid(), program: z.string().nullable() }),
  z.strictObject({ step: z.literal("ended"), id: z.uuid(), result: taskResult }),
  z.strictObject({ step: z.literal("told"), id: z.uuid() }),
]);
type Step = z.infer<typeof step>;

export type Unfinished =
  | { kind: "not-started"; id: string }
  | { kind: "started"; id: string }
  | { kind: "restarting"; id: string; program: string | null }
  /** It ended, and the console may not know. */
  | { kind: "ended"; id: string; result: TaskResult };

/** Ids are kept this long after their command has expired, seconds: a clock that is set back does not bring them to life. */
const keptAfterExpirySeconds = 7 * 86_400;
const linesBeforeTidying = 20_000;

export class TaskJournal {
  readonly #file: string;
  /** `open` null: nothing is owed to the console. */
  readonly #seen = new Map<string, { exp: number; open: Unfinished | null }>();
  #forgottenUntil = 0;
  #lines = 0;

  /** Reads what an earlier run left; `now` in seconds since 1970. */
  constructor(stateDir: string, now: number) {
    this.#file = path.join(stateDir, "tasks", "journal");
    makePrivateDir(path.dirname(this.#file));
    for (const line of (readTextFile(this.#file) ?? "").split("\n")) this.#replay(line);
    this.#tidy(now);
  }

  /** Tasks that the console may still wait for. Right after the start: those of an earlier run. */
  unfinished(): Unfinished[] {
    return [...this.#seen.values()].flatMap(({ open }) => open ?? []);
  }

  has(id: string): boolean {
    return this.#seen.has(id);
  }

  /** True: so old that its id may have been forgotten. */
  isForgotten(exp: number): boolean {
    return exp <= this.#forgottenUntil;
  }

  see(id: string, exp: number, isTask: boolean): void {
    this.#append({ step: "seen", id, exp, isTask });
  }

  start(id: string): void {
    this.#append({ step: "started", id });
  }

  restarting(id: string, program: string | null): void {
    this.#append({ step: "restarting", id, program });
  }

  /** The end without its output: that was sent while it ran. */
  end(id: string, result: TaskResult): void {
    this.#append({ step: "ended", id, result: { ...result, output: "" } });
  }

  told(id: string): void {
    this.#append({ step: "told", id });
  }

  #append(entry: Step): void {
    const descriptor = fs.openSync(this.#file, "a", 0o600);
    try {
      fs.writeSync(descriptor, `${JSON.stringify(entry)}\n`);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    this.#take(entry);
    this.#lines += 1;
    if (this.#lines > linesBeforeTidying) this.#tidy(Math.floor(Date.now() / 1_000));
  }

  /** The last line may be half written: its step had not been acted upon. */
  #replay(line: string): void {
    if (line === "") return;
    try {
      this.#take(step.parse(JSON.parse(line)));
    } catch {
      // Half a line.
    }
  }

  #take(entry: Step): void {
    if (entry.step === "forgotten") this.#forgottenUntil = Math.max(this.#forgottenUntil, entry.until);
    else if (entry.step === "seen") this.#seen.set(entry.id, { exp: entry.exp, open: entry.isTask ? { kind: "not-started", id: entry.id } : null });
    else {
      const known = this.#seen.get(entry.id);
      if (known) known.open = openAfter(entry);
    }
  }

  /** Forgets ids of commands that are long past and over, and the steps of tasks that are over. */
  #tidy(now: number): void {
    const limit = now - keptAfterExpirySeconds;
    const lines: Step[] = [];
    for (const [id, { exp, open }] of this.#seen) {
      if (exp > limit || open !== null) lines.push(...stepsOf(id, exp, open));
      else {
        this.#seen.delete(id);
        this.#forgottenUntil = Math.max(this.#forgottenUntil, exp);
      }
    }
    const all: Step[] = [{ step: "forgotten", until: this.#forgottenUntil }, ...lines];
    writeFileWhole(this.#file, `${all.map((entry) => JSON.stringify(entry)).join("\n")}\n`);
    this.#lines = all.length;
  }
}

function openAfter(entry: Exclude<Step, { step: "seen" | "forgotten" }>): Unfinished | null {
  switch (entry.step) {
    case "started": return { kind: "started", id: entry.id };
    case "restarting": return { kind: "restarting", id: entry.id, program: entry.program };
    case "ended": return { kind: "ended", id: entry.id, result: entry.result };
    case "told": return null;
  }
}

function stepsOf(id: string, exp: number, open: Unfinished | null): Step[] {
  const seen: Step = { step: "seen", id, exp, isTask: open !== null };
  switch (open?.kind) {
    case "started": return [seen, { step: "started", id }];
    case "restarting": return [seen, { step: "restarting", id, program: open.program }];
    case "ended": return [seen, { step: "ended", id, result: open.result }];
    default: return [seen];
  }
}
