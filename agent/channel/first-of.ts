/** Tries several ways with a head start for the earlier ones: the first that works is taken, and a silent one holds the others up only for a moment (RFC 8305's idea). */

export type FirstOf<Item, Result> = {
  items: readonly Item[];
  start: (item: Item, signal: AbortSignal) => Promise<Result>;
  /** The next one starts when this time has passed or the one before has failed, milliseconds. */
  headStartMs: number;
  signal: AbortSignal;
  /** A second success that came too late. */
  discard: (late: Result) => void;
};

/** Resolves with the first success. Rejects with an AggregateError of all failures, in the items' order. */
export function firstOf<Item, Result>(race: FirstOf<Item, Result>): Promise<Result> {
  const others = new AbortController();
  const signal = AbortSignal.any([race.signal, others.signal]);
  const errors: unknown[] = [];
  let isWon = false;
  let next = 0;
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  return new Promise((resolve, reject) => {
    const startNext = () => {
      clearTimeout(timer);
      const index = next;
      const item = race.items[index];
      if (isWon) return;
      if (item === undefined || signal.aborted) {
        if (running === 0) reject(new AggregateError(errors.filter((error) => error !== undefined), "every way failed"));
        return;
      }
      next += 1;
      running += 1;
      timer = setTimeout(startNext, race.headStartMs);
      race.start(item, signal).then(
        (result) => {
          running -= 1;
          if (isWon || race.signal.aborted) {
            race.discard(result);
            return startNext();
          }
          isWon = true;
          clearTimeout(timer);
          resolve(result);
          others.abort();
        },
        (error: unknown) => {
          running -= 1;
          errors[index] = error;
          startNext();
        },
      );
    };
    startNext();
  });
}
