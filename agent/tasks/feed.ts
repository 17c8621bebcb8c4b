/** Turns what a task says while it runs into numbered results: output is gathered for a moment, so that a talkative script makes few of them. */
import type { TaskResult } from "../../contract/command.ts";
import type { TaskEnd } from "./task.ts";

const gatherMs = 700;
/** Characters of output of one result. As JSON a control character takes six bytes, signed and sealed it grows by three quarters; the contract takes 400,000 in all. */
const chunkMax = 30_000;

export class TaskFeed {
  readonly #taskId: string;
  readonly #send: (result: TaskResult) => void;
  #sequence = 0;
  #output = "";
  #progress: number | null = null;
  #message = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(taskId: string, send: (result: TaskResult) => void) {
    this.#taskId = taskId;
    this.#send = send;
  }

  progress(percent: number | null, message: string): void {
    this.#progress = percent === null ? null : Math.max(0, Math.min(100, Math.round(percent)));
    this.#message = message.slice(0, 500);
    this.#soon();
  }

  output(text: string): void {
    this.#output += text;
    while (this.#output.length >= chunkMax) this.#emit();
    this.#soon();
  }

  /** Sends what was gathered now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#emit();
  }

  /** The last result; nothing follows it. */
  end(end: Omit<TaskEnd, "state"> & { state: TaskResult["state"] }): TaskResult {
    clearTimeout(this.#timer);
    while (this.#output.length > chunkMax) this.#emit();
    const result: TaskResult = { ...this.#next(), state: end.state, progress: end.state === "done" ? 100 : this.#progress, message: end.message.slice(0, 500), isOutputCut: end.isOutputCut ?? false, exitCode: end.exitCode ?? null, findings: end.findings ?? [] };
    this.#send(result);
    return result;
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  #emit(): void {
    this.#send(this.#next());
  }

  #next(): TaskResult {
    // Not between the two halves of one character.
    const isCutInside = this.#output.length > chunkMax && /[\uD800-\uDBFF]/.test(this.#output.charAt(chunkMax - 1));
    const output = this.#output.slice(0, isCutInside ? chunkMax - 1 : chunkMax);
    this.#output = this.#output.slice(output.length);
    this.#sequence += 1;
    return { taskId: this.#taskId, sequence: this.#sequence, at: new Date().toISOString(), state: "running", progress: this.#progress, message: this.#message, output, isOutputCut: false, exitCode: null, findings: [] };
  }
}
