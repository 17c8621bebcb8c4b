/** The supervisor's copy of who may connect, kept to feed engines that start later. */
import type { AccessEntry, AccessPage } from "../../contract/access.ts";

export class AccessCopy {
  version = 0;
  #entries = new Map<string, AccessEntry>();
  #next: Map<string, AccessEntry> | undefined;

  /** Takes a page in; `isFull` starts a new table that counts once a page with `complete` came. */
  take(page: AccessPage, isFull: boolean): void {
    if (isFull) this.#next = new Map();
    const table = this.#next ?? this.#entries;
    for (const entry of page.entries) {
      const key = `${entry.kind}:${entry.id}`;
      if (entry.status === "removed") table.delete(key);
      else table.set(key, entry);
    }
    if (this.#next && !page.complete) return;
    if (this.#next) this.#entries = this.#next;
    this.#next = undefined;
    this.version = page.version;
  }

  /** The whole table in pages of `size` entries, one empty page when there is nothing. */
  *pages(size: number): Generator<{ page: AccessPage; isFull: boolean }> {
    const entries = [...this.#entries.values()];
    let from = 0;
    do {
      const complete = from + size >= entries.length;
      yield { page: { version: this.version, entries: entries.slice(from, from + size), complete }, isFull: from === 0 };
      from += size;
    } while (from < entries.length);
  }
}
