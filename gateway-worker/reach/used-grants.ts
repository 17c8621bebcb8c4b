/** Remembers grants until they could not be used anyway: each is good for one connection (T21). Bounded; when it is full nothing is let in rather than something twice. */

/** Two minutes of grants at 400 a second. */
const grantsMax = 50_000;

export class UsedGrants {
  readonly #max: number;
  readonly #endsMs = new Map<string, number>();
  readonly #ended = new Map<string, number>();

  constructor(max = grantsMax) {
    this.#max = max;
  }

  /** Marks the grant as used. `used`: somebody was here before. `ended`: the console took it back. `full`: it cannot be told; refuse. `endMs`: when it is no longer valid, milliseconds since 1970. */
  claim(id: string, endMs: number, nowMs: number): "fresh" | "used" | "ended" | "full" {
    if (this.#ended.has(id)) return "ended";
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

  /** Ended before it was used: never used from here on, not even when it is released. The oldest memories give way when there are too many. */
  end(id: string, endMs: number, nowMs: number): void {
    this.#endsMs.delete(id);
    if (this.#ended.size >= this.#max) for (const [old, oldEndMs] of this.#ended) if (oldEndMs < nowMs) this.#ended.delete(old);
    const [oldest] = this.#ended.size >= this.#max ? this.#ended.keys() : [];
    if (oldest !== undefined) this.#ended.delete(oldest);
    this.#ended.set(id, endMs);
  }

  /** Whether somebody ended it. */
  isEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  #forget(nowMs: number): void {
    for (const [id, endMs] of this.#endsMs) if (endMs < nowMs) this.#endsMs.delete(id);
  }
}
