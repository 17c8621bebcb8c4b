/** Requests and responses per service, totals since the engine's start. */

type Counts = { requests: number; refused: number; /** By first digit, 1xx to 5xx. */ responses: [number, number, number, number, number] };

export class RequestCounts {
  readonly #counts = new Map<string, Counts>();
  /** Services whose numbers, or whose members' numbers, changed since the last report. */
  #moved = new Set<string>();

  of(serviceId: string): Counts {
    const known = this.#counts.get(serviceId);
    if (known) return known;
    const counts: Counts = { requests: 0, refused: 0, responses: [0, 0, 0, 0, 0] };
    this.#counts.set(serviceId, counts);
    return counts;
  }

  /** Something about the service is worth a report. */
  touch(serviceId: string): void {
    this.#moved.add(serviceId);
  }

  /** Services that moved since the last call. */
  takeMoved(): ReadonlySet<string> {
    const moved = this.#moved;
    this.#moved = new Set();
    return moved;
  }

  requested(serviceId: string): void {
    this.touch(serviceId);
    this.of(serviceId).requests += 1;
  }

  refused(serviceId: string): void {
    this.touch(serviceId);
    this.of(serviceId).refused += 1;
  }

  responded(serviceId: string, status: number): void {
    this.touch(serviceId);
    const digit = Math.floor(status / 100) - 1;
    const { responses } = this.of(serviceId);
    if (digit >= 0 && digit < 5) responses[digit as 0 | 1 | 2 | 3 | 4] += 1;
  }

  keepOnly(services: ReadonlyMap<string, unknown>): void {
    for (const id of this.#counts.keys()) if (!services.has(id)) this.#counts.delete(id);
  }
}
