/** Requests and responses per service, totals since the engine's start. */

type Counts = { requests: number; refused: number; /** By first digit, 1xx to 5xx. */ responses: [number, number, number, number, number] };

export class RequestCounts {
  readonly #counts = new Map<string, Counts>();

  of(serviceId: string): Counts {
    const known = this.#counts.get(serviceId);
    if (known) return known;
    const counts: Counts = { requests: 0, refused: 0, responses: [0, 0, 0, 0, 0] };
    this.#counts.set(serviceId, counts);
    return counts;
  }

  requested(serviceId: string): void {
    this.of(serviceId).requests += 1;
  }

  refused(serviceId: string): void {
    this.of(serviceId).refused += 1;
  }

  responded(serviceId: string, status: number): void {
    const digit = Math.floor(status / 100) - 1;
    const { responses } = this.of(serviceId);
    if (digit >= 0 && digit < 5) responses[digit as 0 | 1 | 2 | 3 | 4] += 1;
  }

  keepOnly(services: ReadonlyMap<string, unknown>): void {
    for (const id of this.#counts.keys()) if (!services.has(id)) this.#counts.delete(id);
  }
}
