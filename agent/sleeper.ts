/** A pause of random length that can be cut short; a wake that comes before the pause counts for it. */
import { randomInt } from "node:crypto";

export class Sleeper {
  #resolve: (() => void) | undefined;
  #isWoken = false;

  /** Milliseconds, both ends included. */
  sleep(range: { min: number; max: number }): Promise<void> {
    if (this.#isWoken) {
      this.#isWoken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#resolve = undefined;
        this.#isWoken = false;
        resolve();
      };
      const timer = setTimeout(done, randomInt(range.min, range.max + 1));
      this.#resolve = done;
    });
  }

  wake(): void {
    this.#isWoken = true;
    this.#resolve?.();
  }
}
