/** What became of the tries, for log and console: equal outcomes of one way are told once a minute, not every two seconds (S1-65). */
import type { ConnectionAttempt } from "../../contract/agent-site.ts";

const repeatAfterMs = 60_000;
const heldMax = 50;

export class AttemptLedger {
  #held: ConnectionAttempt[] = [];
  readonly #told = new Map<string, { outcome: string; atMs: number }>();

  /** Takes one outcome; returns whether it is news. */
  add(routeName: string, attempt: ConnectionAttempt): boolean {
    const outcome = `${attempt.code ?? "connected"} ${attempt.step}`;
    const last = this.#told.get(routeName);
    const atMs = new Date(attempt.at).getTime();
    if (attempt.code !== null && last?.outcome === outcome && atMs - last.atMs < repeatAfterMs) return false;
    this.#told.set(routeName, { outcome, atMs });
    this.#held = [...this.#held, attempt].slice(-heldMax);
    return true;
  }

  /** Takes what was not reported yet; give it back with `untake` when the report failed. */
  take(): ConnectionAttempt[] {
    const taken = this.#held;
    this.#held = [];
    return taken;
  }

  untake(attempts: readonly ConnectionAttempt[]): void {
    this.#held = [...attempts, ...this.#held].slice(-heldMax);
  }
}
