/** Connections per member of one service, and the members' dials: what an engine reports each second. */

export type MemberCount = { memberId: string; connections: number; opened: number; failed: number };
export type DialCount = { memberId: string; succeeded: number; failed: number; failuresInRow: number; lastFailure: string | null };

/** Counts of one service, totals since the engine's start except `connections`. */
export class ServiceCounts {
  readonly #counts = new Map<string, MemberCount>();

  of(memberId: string): MemberCount {
    const known = this.#counts.get(memberId);
    if (known) return known;
    const count = { memberId, connections: 0, opened: 0, failed: 0 };
    this.#counts.set(memberId, count);
    return count;
  }

  get hasConnections(): boolean {
    return [...this.#counts.values()].some(({ connections }) => connections > 0);
  }

  /** Copies of the counts of these members. */
  list(memberIds: Iterable<string>): MemberCount[] {
    return Array.from(memberIds, (id) => ({ ...this.of(id) }));
  }

  /** Forgets members that are gone and have no connection left. */
  keepOnly(memberIds: ReadonlySet<string>): void {
    for (const [id, { connections }] of this.#counts) if (connections === 0 && !memberIds.has(id)) this.#counts.delete(id);
  }
}

/** Dials since the last report, with the run of failures that ends with the newest dial. */
export class DialCounts {
  readonly #counts = new Map<string, DialCount>();

  /** `error`: why it failed, or null. */
  add(memberId: string, error: string | null): void {
    const count = this.#counts.get(memberId) ?? { memberId, succeeded: 0, failed: 0, failuresInRow: 0, lastFailure: null };
    this.#counts.set(memberId, count);
    if (error === null) {
      count.succeeded += 1;
      count.failuresInRow = 0;
      return;
    }
    count.failed += 1;
    count.failuresInRow += 1;
    count.lastFailure = error.slice(0, 300);
  }

  /** What happened since the last call. A run of failures goes on into the next. */
  take(): DialCount[] {
    const taken = [...this.#counts.values()].filter(({ succeeded, failed }) => succeeded + failed > 0).map((count) => ({ ...count }));
    for (const [id, count] of this.#counts) {
      if (count.failuresInRow === 0) this.#counts.delete(id);
      else Object.assign(count, { succeeded: 0, failed: 0, lastFailure: null });
    }
    return taken;
  }

  keepOnly(memberIds: ReadonlySet<string>): void {
    for (const id of this.#counts.keys()) if (!memberIds.has(id)) this.#counts.delete(id);
  }
}
