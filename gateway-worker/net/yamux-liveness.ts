/** The clocks of a yamux session: pings, the deadline of their answers, and silence. One timer a session, set for whatever is due next. */
import { YamuxError } from "./yamux-error.ts";

/** Pings that may wait for an answer at once; keep-alive has one. */
const pingsMax = 64;
/** A measurement of the path is good for this long, milliseconds. */
const measuredForMs = 10_000;

export type LivenessOwner = {
  /** Sends a ping with this value. */
  sendPing(value: number): void;
  /** The peer is taken for dead. */
  onDead(reason: string): void;
};

type Waiting = { sentAt: number; resolve: (ms: number) => void; reject: (error: YamuxError) => void };
type Times = { everyMs: number; timeoutMs: number };

export class Liveness {
  readonly #owner: LivenessOwner;
  readonly #silenceMs: number;
  #keepAlive: Times | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: Map<number, Waiting> | undefined;
  #nextValue = 1;
  #heardAt = performance.now();
  /** When the keep-alive ping was sent that nothing has come after yet. */
  #keepAliveSentAt: number | undefined;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #isOver = false;
  /** The last measured round trip, milliseconds; null before the first. */
  roundTripMs: number | null = null;
  /** The shortest one: the path without its queues. */
  shortestMs: number | null = null;

  constructor(owner: LivenessOwner, silenceMs: number | undefined) {
    this.#owner = owner;
    this.#silenceMs = silenceMs ?? Number.POSITIVE_INFINITY;
    this.#setTimer();
  }

  /** Anything came from the peer. */
  heard(): void {
    this.#heardAt = performance.now();
    // It proves the path as well as the ping's answer does, which may queue behind data. The timer waits for the answer's deadline: the next ping comes long before.
    if (this.#keepAliveSentAt === undefined) return;
    this.#keepAliveSentAt = undefined;
    this.#setTimer();
  }

  /** See YamuxSession.keepAlive. */
  keepAlive(times: Times): void {
    this.#keepAlive = times;
    this.#keepAliveSentAt = undefined;
    this.#setTimer();
  }

  /** Sends a ping; resolves with the round trip in milliseconds, rejects when the session ends first or too many wait. */
  async ping(): Promise<number> {
    this.#waiting ??= new Map();
    if (this.#waiting.size >= pingsMax) throw new YamuxError("pings-waiting", `${pingsMax} pings wait for an answer already`);
    const value = this.#nextValue;
    this.#nextValue = value === 0xffff_ffff ? 0 : value + 1;
    const waiting = this.#waiting;
    return await new Promise<number>((resolve, reject) => {
      waiting.set(value, { sentAt: performance.now(), resolve, reject });
      this.#owner.sendPing(value);
    });
  }

  /** Measures the path when that was not done lately; the answer shows up in `roundTripMs`. */
  measure(): void {
    const now = performance.now();
    if (now - this.#measuredAt < measuredForMs || this.#isOver) return;
    this.#measuredAt = now;
    this.ping().catch(() => {});
  }

  /** The peer answered a ping. An answer to a ping that was never sent is ignored. */
  answered(value: number): void {
    const waiting = this.#waiting?.get(value);
    if (!waiting) return;
    this.#waiting?.delete(value);
    const ms = performance.now() - waiting.sentAt;
    this.#measuredAt = performance.now();
    this.roundTripMs = ms;
    this.shortestMs = Math.min(this.shortestMs ?? ms, ms);
    waiting.resolve(ms);
  }

  close(error: YamuxError): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const waiting of this.#waiting?.values() ?? []) waiting.reject(error);
    this.#waiting = undefined;
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const dueAt = Math.min(this.#nextKeepAliveAt(), this.#heardAt + this.#silenceMs);
    if (this.#isOver || !Number.isFinite(dueAt)) return;
    // What came while the process was stopped or busy lies unread in the kernel: it is read (setImmediate) before anybody is declared dead.
    this.#timer = setTimeout(() => setImmediate(() => this.#due()), Math.max(1, Math.ceil(dueAt - performance.now())));
    this.#timer.unref();
  }

  #nextKeepAliveAt(): number {
    if (!this.#keepAlive) return Number.POSITIVE_INFINITY;
    if (this.#keepAliveSentAt !== undefined) return this.#keepAliveSentAt + this.#keepAlive.timeoutMs;
    return this.#heardAt + this.#keepAlive.everyMs;
  }

  #due(): void {
    if (this.#isOver) return;
    const now = performance.now();
    if (now - this.#heardAt >= this.#silenceMs) this.#owner.onDead(`nothing heard from the peer for ${seconds(this.#silenceMs)} s`);
    else if (now >= this.#nextKeepAliveAt()) this.#keepAliveDue(now);
    this.#setTimer();
  }

  #keepAliveDue(now: number): void {
    if (this.#keepAliveSentAt !== undefined) {
      this.#owner.onDead(`a keep-alive ping was not answered within ${seconds(this.#keepAlive?.timeoutMs ?? 0)} s`);
      return;
    }
    this.#keepAliveSentAt = now;
    this.ping().catch(() => {});
  }
}

function seconds(ms: number): string {
  return String(Math.round(ms / 100) / 10);
}
