/** Numbers that look random and are the same at every run, so that a screenshot taken twice is the same picture. Ids are new each time: two organisations never share one. */
import { randomUUID } from "node:crypto";

export type Random = { /** 0 to 1, 1 excluded. */ next: () => number; below: (bound: number) => number; pick: <T>(list: readonly T[]) => T; hex: (digits: number) => string; uuid: () => string };

/** mulberry32; enough for demo data and for nothing else. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  const hex = (digits: number) => Array.from({ length: digits }, () => below(16).toString(16)).join("");
  return {
    next,
    below,
    pick: (list) => {
      const found = list[below(list.length)];
      if (found === undefined) throw new Error("nothing to pick from");
      return found;
    },
    hex,
    uuid: () => randomUUID(),
  };
}
