/**
 * One timer for all deadlines of a process: a hashed wheel of 250 ms ticks. Moving a deadline is one assignment on the item;
 * the wheel looks again when the old one would have been due. Fifty thousand idle tunnels thus cost no timers and almost no work.
 */

/** Something with a deadline. Set `deadlineMs` freely; to bring it *forward*, call `add` again. */
export type Timed = {
  /** On the wheel's clock (`performance.now()`), or Infinity for none. */
  deadlineMs: number;
  /** Called once the deadline has passed, at most a tick late. Set a new deadline in it to stay on the wheel. */
  onDeadline: (nowMs: number) => void;
};

const tickMs = 250;
/** 1,024 ticks: a later deadline is looked at every 256 s and put back. */
const slotCount = 1_024;

export class DeadlineWheel {
  /** The clock all deadlines are on, refreshed each tick; precise enough for "last byte seen". */
  nowMs = performance.now();
  readonly #slots: (Set<Timed> | undefined)[] = Array.from({ length: slotCount });
  readonly #slotOf = new WeakMap<Timed, Set<Timed>>();
  readonly #timer: NodeJS.Timeout;
  #tick = Math.floor(this.nowMs / tickMs);

  constructor() {
    this.#timer = setInterval(() => this.advance(performance.now()), tickMs);
    this.#timer.unref();
  }

  /** Watches the item, or moves it to an earlier deadline. */
  add(item: Timed): void {
    this.remove(item);
    const ahead = Math.min(Math.max(Math.ceil((item.deadlineMs - this.#tick * tickMs) / tickMs), 1), slotCount - 1);
    const index = (this.#tick + ahead) % slotCount;
    const slot = (this.#slots[index] ??= new Set());
    slot.add(item);
    this.#slotOf.set(item, slot);
  }

  remove(item: Timed): void {
    const slot = this.#slotOf.get(item);
    if (!slot) return;
    slot.delete(item);
    this.#slotOf.delete(item);
  }

  /** Moves the clock; called by the timer, and by tests with a clock of their own. A stopped process catches up without visiting a slot twice. */
  advance(nowMs: number): void {
    this.nowMs = nowMs;
    const target = Math.floor(nowMs / tickMs);
    const steps = Math.min(target - this.#tick, slotCount);
    for (let step = 0; step < steps; step += 1) this.#visit((target - steps + step + 1) % slotCount, target);
    this.#tick = Math.max(this.#tick, target);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #visit(index: number, target: number): void {
    const due = this.#slots[index];
    if (!due || due.size === 0) return;
    this.#slots[index] = undefined;
    this.#tick = target;
    for (const item of due) {
      this.#slotOf.delete(item);
      if (item.deadlineMs <= this.nowMs) item.onDeadline(this.nowMs);
      // Still wanted (not removed while we walked, and a deadline to come): put back.
      if (item.deadlineMs > this.nowMs && item.deadlineMs !== Infinity && !this.#slotOf.has(item) && due.has(item)) this.add(item);
    }
  }
}
