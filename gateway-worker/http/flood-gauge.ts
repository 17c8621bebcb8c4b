/** Counts on one HTTP/2 connection what a client has little reason to send; each kind drains at a steady rate, like a bucket (T07, H7). */

export type FloodKind = "reset" | "ping" | "settings" | "control bytes";

/** How much may stand in the bucket, and how fast it drains. A browser that leaves a page resets a hundred streams at once, then is quiet. */
const buckets: Record<Exclude<FloodKind, "control bytes">, { max: number; perSecond: number }> = {
  reset: { max: 200, perSecond: 10 },
  ping: { max: 50, perSecond: 2 },
  settings: { max: 20, perSecond: 1 },
};
/** Bytes that belong to no request head and no body: window updates, priorities, empty frames. */
const controlBytesMax = 1_048_576;
const controlBytesPerSecond = 65_536;
const lookEveryMs = 500;

export class FloodGauge {
  readonly #onFlood: (kind: FloodKind) => void;
  readonly #levels = new Map<FloodKind, { level: number; atMs: number }>();
  #timer: NodeJS.Timeout | undefined;
  #credit = controlBytesMax;
  #seen = 0;

  constructor(onFlood: (kind: FloodKind) => void) {
    this.#onFlood = onFlood;
  }

  count(kind: Exclude<FloodKind, "control bytes">, nowMs = performance.now()): void {
    const { max, perSecond } = buckets[kind];
    const bucket = this.#levels.get(kind) ?? { level: 0, atMs: nowMs };
    bucket.level = Math.max(0, bucket.level - ((nowMs - bucket.atMs) / 1_000) * perSecond) + 1;
    bucket.atMs = nowMs;
    this.#levels.set(kind, bucket);
    if (bucket.level > max) this.#onFlood(kind);
  }

  /** Bytes that a head or a body explains. */
  credit(bytes: number): void {
    this.#credit += bytes;
  }

  /** Compares the bytes that came with those that are explained, twice a second. */
  watch(bytesRead: () => number): void {
    this.#timer = setInterval(() => this.look(bytesRead()), lookEveryMs);
    this.#timer.unref();
  }

  look(bytes: number): void {
    // At most a megabyte of what was explained is saved up for later.
    this.#credit = Math.min(this.#credit - (bytes - this.#seen) + (controlBytesPerSecond * lookEveryMs) / 1_000, controlBytesMax + 26_214_400);
    this.#seen = bytes;
    if (this.#credit < 0) this.#onFlood("control bytes");
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
