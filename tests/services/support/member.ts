/** Starts and kills member-process.ts, and keeps what it told. */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";

export class MemberProcess {
  port = 0;
  readonly began = new Set<number>();
  readonly ended = new Set<number>();
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(name: string, options: { delayMs?: number; port?: number } = {}): Promise<MemberProcess> {
    const child = fork(path.join(import.meta.dirname, "member-process.ts"), [name, String(options.delayMs ?? 0), String(options.port ?? 0)], { execArgv: ["--no-warnings"] });
    const member = new MemberProcess(child);
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error(`member ${name} ended at its start`)));
      child.on("message", (message: { port?: number; began?: number; ended?: number }) => {
        if (message.began !== undefined) member.began.add(message.began);
        if (message.ended !== undefined) member.ended.add(message.ended);
        if (message.port === undefined) return;
        member.port = message.port;
        resolve();
      });
    });
    return member;
  }

  /** Dies at once; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGKILL");
    await gone;
  }
}
