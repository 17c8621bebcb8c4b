/**
 * Weighted rendezvous hashing: which of the members a client belongs to, from its key and the members' ids and weights alone.
 * Every engine and gateway with the same snapshot answers alike, and taking one of N members away moves only the clients it had.
 * Method: Thaler and Ravishankar 1998, with logarithmic weights (Schindelhauer and Schomaker 2005).
 */

/** Two independent 32-bit hashes of a text. */
export type TextHash = { high: number; low: number };

/** Hashes a text. Not secret and not against an attacker who may choose the text freely. */
export function hashText(text: string): TextHash {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  return { high: mix(high ^ (low >>> 15)), low: mix(low ^ (high >>> 13)) };
}

/** The candidate that `key` belongs to. Candidates of weight 0 get nobody; with only such ones, the first is given. */
export function rendezvous<C extends { readonly hash: TextHash }>(key: TextHash, candidates: readonly [C, ...C[]], weightOf: (candidate: C) => number): C {
  let [best] = candidates;
  let bestScore = -1;
  for (const candidate of candidates) {
    const score = weightOf(candidate) / -Math.log(unitOf(key, candidate.hash));
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** A number between 0 and 1, both excluded, that looks random for each pair. */
function unitOf(key: TextHash, member: TextHash): number {
  const high = mix(key.high ^ Math.imul(member.high, 0x9e3779b1));
  const low = mix(Math.imul(key.low, 0x85ebca77) ^ member.low ^ high);
  return ((high >>> 0) * 0x20_0000 + (low >>> 11) + 0.5) / 2 ** 53;
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
