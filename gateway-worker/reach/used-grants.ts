/** Remembers grants until they could not be used anyway: each is good for one connection (T21). Bounded; when it is full nothing is let in rather than something twice. */

/** Two minutes of grants at 400 a second. */
const grantsMax = 50_000;

export class UsedGrants {
  readonly #max: number;
  readonly #endsMs = new Map<string, number>();

  constructor(max = grantsMax) {
    this.#max = max;
  }

  /** Marks the grant as used. `used`: somebody was here before. `full`: it cannot be told; refuse. `endMs`: when it is no longer valid, milliseconds since 1970. */
  claim(id: string, endMs: number, nowMs: number): "fresh" | "used" | "full" {
    if (this.#endsMs.has(id)) return "used";
    if (this.#endsMs.size >= this.#max) this.#forget(nowMs);
    if (this.#endsMs.size >= this.#max) return "full";
    this.#endsMs.set(id, endMs);
    return "fresh";
  }

  /** It did not come as far as the agent, and may be tried again. */
  release(id: string): void {
    this.#endsMs.delete(id);
  }

  #forget(nowMs: number): void {
    for (const [id, endMs] of this.#endsMs) if (endMs < nowMs) this.#endsMs.delete(id);
  }
}
