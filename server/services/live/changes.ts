/** The live stream of one page: changes of its organisation, coalesced, ended when the caller's right ends (T34). */
import type { LiveEvent } from "../../../contract/objects.ts";
import { ConsoleError, isDatabaseUnavailable } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { recheckCaller } from "../user/caller-of.ts";
import { subscribeLive } from "./listen.ts";

/** Changes are gathered this long before they are sent, ms: a burst of 1,000 agents is one refetch. */
export const coalesceMs = 100;
/** How often the caller's right is asked for again, ms; T34 allows 5 s. */
export const recheckMs = 4_000;
/** Different objects in one batch; beyond it a topic is told as a whole. */
const batchMax = 200;

export type LiveOptions = { signal: AbortSignal | undefined; url?: string };

/** Yields what became stale. Throws `not-signed-in` when the session, the key or the membership ended. */
export async function* liveChanges(caller: Caller, options: LiveOptions): AsyncGenerator<LiveEvent, void, void> {
  const batch = new Batch();
  const unsubscribe = subscribeLive(caller.organisationId, (event) => batch.add(event), options.url);
  let checkedAt = Date.now();
  try {
    while (!options.signal?.aborted) {
      await batch.wait(Math.max(0, checkedAt + recheckMs - Date.now()), options.signal);
      if (options.signal?.aborted) return;
      if (Date.now() - checkedAt >= recheckMs) {
        await demandStillThere(caller);
        checkedAt = Date.now();
      }
      yield* batch.take();
    }
  } finally {
    unsubscribe();
    batch.close();
  }
}

async function demandStillThere(caller: Caller): Promise<void> {
  let now: Caller | null;
  try {
    now = await recheckCaller(caller);
  } catch (error) {
    if (isDatabaseUnavailable(error)) return; // nothing can be told either while the database is away
    throw error;
  }
  if (!now) throw new ConsoleError("not-signed-in", "Your session or key has ended; sign in again.");
}

/** Events waiting to be sent, each once. */
class Batch {
  readonly #events = new Map<string, LiveEvent>();
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  add(event: LiveEvent): void {
    const known = this.#events.size >= batchMax ? { topic: event.topic, id: null } : event;
    this.#events.set(`${known.topic} ${known.id ?? ""}`, known);
    this.#timer ??= setTimeout(() => this.#fire(), coalesceMs);
  }

  /** Returns when a gathered batch is due, after `timeoutMs`, or when the signal aborts. */
  async wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(done, timeoutMs);
      function done(): void {
        clearTimeout(timeout);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      this.#wake = done;
      signal?.addEventListener("abort", done);
    });
    this.#wake = undefined;
  }

  /** What is due; events still within their gathering time stay. */
  take(): LiveEvent[] {
    if (this.#timer) return [];
    const events = [...this.#events.values()];
    this.#events.clear();
    return events;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wake?.();
  }

  #fire(): void {
    this.#timer = undefined;
    this.#wake?.();
  }
}
