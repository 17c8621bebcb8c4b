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
    const [oldest] = this.#entries.size < this.#entriesMax ? [] : this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
