/** Exponential back-off with full jitter, for anything that is tried again: engines, channels, dials. */

export type BackoffOptions = {
  /** First delay, milliseconds. */
  firstMs: number;
  /** No delay is longer, milliseconds. */
  maxMs: number;
  /** 0 to 1, injectable for tests. */
  random?: () => number;
};

export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Delay before the next attempt, milliseconds: half of the exponential step plus a random other half. */
  next(): number {
    const step = Math.min(this.#options.maxMs, this.#options.firstMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return step / 2 + (step / 2) * (this.#options.random ?? Math.random)();
  }

  /** Call after a success: the next failure starts small again. */
  reset(): void {
    this.#attempt = 0;
  }
}
