/** Bounds of the agent site, and the counters that hold them (T04 to T06, T19, T39). */

export const limits = {
  /** Accept to finished handshake, ms. */
  handshakeTimeoutMs: 8_000,
  /** Request head, ms, and bytes. */
  headersTimeoutMs: 10_000,
  headerBytesMax: 16_384,
  /** Whole request, ms. */
  requestTimeoutMs: 30_000,
  /** Agents keep one connection and prove it every few seconds; silence of this length ends it, ms. */
  keepAliveTimeoutMs: 75_000,
  connectionsMax: 50_000,
  /** Connections from one address that have not proved an identity. A gateway's agents prove theirs, so they are not counted here. */
  anonymousPerSourceMax: 256,
  /** Connections of one identity. */
  perIdentityMax: 32,
  /** Requests that are being answered at once; more wait for the next try of the agent. */
  requestsMax: 2_000,
} as const;

/** Counts things by key; the key goes away with its last count. */
export class Tally {
  readonly #counts = new Map<string, number>();

  /** Adds one unless the key already has `max`; tells whether it did. */
  take(key: string, max: number): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= max) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  release(key: string): void {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
