/** The latest word about each of many things, waiting to be delivered. What is new replaces what waits; what could not be delivered comes back unless it was replaced meanwhile. */

export class Latest<T> {
  readonly #key: (one: T) => string;
  readonly #max: number;
  readonly #waiting = new Map<string, T>();

  /** Beyond `max` things, those that are not known yet are left out. */
  constructor(key: (one: T) => string, max: number) {
    this.#key = key;
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(news: readonly T[]): void {
    for (const one of news) if (this.#waiting.size < this.#max || this.#waiting.has(this.#key(one))) this.#waiting.set(this.#key(one), one);
  }

  /** Takes the oldest of them out. */
  take(max: number): T[] {
    const taken: T[] = [];
    for (const [key, one] of this.#waiting) {
      if (taken.length >= max) break;
      taken.push(one);
      this.#waiting.delete(key);
    }
    return taken;
  }

  /** What was taken and not delivered; anything newer stands. */
  giveBack(taken: readonly T[]): void {
    for (const one of taken) if (!this.#waiting.has(this.#key(one))) this.#waiting.set(this.#key(one), one);
  }

  all(): T[] {
    return [...this.#waiting.values()];
  }
}
