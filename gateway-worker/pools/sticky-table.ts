/**
 * Which member a client is kept on, where no cookie can tell: one table per service, bounded, the longest unused entry out first.
 * Pure of clocks: every time is given in milliseconds since 1970.
 */

/** Entries per service. About 25 MB when full. */
export const stickyEntriesMax = 100_000;

export type Sticky = {
  memberId: string;
  expiresAt: number;
  /** The expiry that other engines were last told of. */
  toldExpiresAt: number;
  /** False until a second connection came by it: before that the client has no session to lose. */
  isProven: boolean;
};

export class StickyTable {
  /** In the order of use, the longest unused first. */
  readonly #entries = new Map<string, Sticky>();
  readonly #entriesMax: number;
  /** Stands before the longest unused entry. Starting over each time would walk over all that were deleted before it. */
  #oldest = this.#entries.keys();

  constructor(entriesMax = stickyEntriesMax) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The live entry; one that is over is forgotten. */
  find(key: string, nowMs: number): Sticky | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAt > nowMs) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** The entry whether or not it is over. */
  peek(key: string): Sticky | undefined {
    return this.#entries.get(key);
  }

  /** Sets or replaces an entry and counts as its use. */
  set(key: string, entry: Sticky): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#entriesMax) this.#dropOldest();
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #dropOldest(): void {
    let next = this.#oldest.next();
    // An iterator that once came to its end stays there.
    if (next.done === true) next = (this.#oldest = this.#entries.keys()).next();
    if (next.done !== true) this.#entries.delete(next.value);
  }
}
