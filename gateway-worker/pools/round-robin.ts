/** Plain round robin: one after the other in the pool's order, weights left aside (0 still drains). Refused for session-bound services (S3-60, N7). */
import type { LiveMember } from "./live-member.ts";
import type { Choice, Scheduler } from "./scheduler.ts";

export class RoundRobin implements Scheduler {
  /** Picks by the member's id: who waited longest is next, so that members coming and going do not disturb the turn. */
  readonly #turns = new Map<string, number>();
  #turn = 0;

  choose({ free }: Choice): LiveMember {
    let [chosen] = free;
    let longest = Infinity;
    for (const candidate of free) {
      const last = this.#turns.get(candidate.member.id) ?? -1;
      if (last < longest) {
        chosen = candidate;
        longest = last;
      }
    }
    this.#turns.set(chosen.member.id, this.#turn);
    this.#turn += 1;
    return chosen;
  }
}
