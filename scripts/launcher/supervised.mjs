/**
 * A program that must run as long as the launcher does: started, watched, restarted with back-off when it ends by itself, stopped when asked.
 *
 *   stopped --start--> running --ended by itself--> waiting --back-off over--> running
 *      ^------------------- stop, from every state -------------------------------'
 */
import fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { lastLines } from "./command.mjs";
import { say, StartError } from "./report.mjs";

const backOffMs = [500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** A program that ran this long is healthy: its next end starts the back-off anew. */
const healthyAfterMs = 60_000;

export class Supervised {
  #options;
  #child;
  #stopping = new AbortController();
  #failures = 0;
  /** Where in the log the present run begins. */
  #logStart = 0;

  /**
   * @param {{ name: string, launch: () => Promise<{ exited: Promise<{ code: number | null, signal: string | null }>, stop: (killAfterMs?: number) => Promise<unknown>, pid?: number }>, logFile: string, killAfterMs: number, pidFile?: string }} options
   * `launch` starts the program once; `killAfterMs` is how long a stop may take before SIGKILL.
   */
  constructor(options) {
    this.#options = options;
  }

  /** Starts it for the first time; rejects when `launch` does. After `ready` has resolved, ends are mended instead of reported. */
  async start(ready) {
    await this.#launch();
    const { child } = this;
    const ended = child.exited.then((exit) => {
      throw new StartError(`The ${this.#options.name} ended while starting (${describe(exit)}); its log is ${this.#options.logFile}.`, { details: this.tail() });
    });
    ended.catch(() => {}); // reported by the race below, or by #watch later
    await Promise.race([ready(child), ended]);
    void this.#watch(child, Date.now());
  }

  get child() {
    return this.#child;
  }

  /** The last lines that its present run has logged. */
  tail() {
    return lastLines(fs.readFileSync(this.#options.logFile).subarray(this.#logStart).subarray(-20_000).toString());
  }

  /** Stops it for good; safe to call twice, and before it was started. */
  async stop() {
    this.#stopping.abort();
    await this.#child?.stop(this.#options.killAfterMs);
    this.#forgetPid();
  }

  async #launch() {
    this.#logStart = fs.statSync(this.#options.logFile, { throwIfNoEntry: false })?.size ?? 0;
    this.#child = await this.#options.launch();
  }

  async #watch(child, startedAt) {
    const exit = await child.exited;
    if (this.#stopping.signal.aborted) return;
    this.#failures = Date.now() - startedAt > healthyAfterMs ? 0 : this.#failures;
    say(`\n  The ${this.#options.name} ended (${describe(exit)}); last lines of ${this.#options.logFile}:\n${indent(this.tail())}`);
    await this.#relaunch();
  }

  async #relaunch() {
    while (!this.#stopping.signal.aborted) {
      const pause = backOffMs[Math.min(this.#failures, backOffMs.length - 1)];
      this.#failures += 1;
      say(`  Starting the ${this.#options.name} again in ${pause / 1000} s.`);
      await delay(pause, undefined, { signal: this.#stopping.signal }).catch(() => {}); // a stop cuts the wait
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#launch();
        if (this.#stopping.signal.aborted) return void this.#child.stop(this.#options.killAfterMs);
        return void this.#watch(this.#child, Date.now());
      } catch (error) {
        say(`  The ${this.#options.name} did not start: ${error.message}`);
      }
    }
  }

  #forgetPid() {
    if (this.#options.pidFile) fs.rmSync(this.#options.pidFile, { force: true });
  }
}

function describe({ code, signal }) {
  return signal ? `killed by ${signal}` : code !== null && code > 128 ? `killed by signal ${code - 128}` : `exit code ${code}`;
}

function indent(text) {
  return text.split("\n").map((line) => `    ${line}`).join("\n");
}
