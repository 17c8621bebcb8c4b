/**
 * Weighted round robin (S3-67, S3-68): every member gets its weight's share of new sessions, and at no moment is one a whole session ahead or behind.
 * A smooth method as nginx's, with one difference: of the members that are owed something, the one whose next session is due first is taken, not the one
 * that is owed most. nginx's rule strays up to 1.2 sessions with a dozen members; this one stays below 1 (Tijdeman, "The chairman assignment problem", 1980).
 */
import type { LiveMember } from "./live-member.ts";
import type { Choice, Scheduler } from "./scheduler.ts";

/** Rounding of shares must not make a member look owed something. */
const nothing = 1e-9;

export class WeightedRoundRobin implements Scheduler {
  /** Sessions owed to a member: its share of all picks it took part in, less those it got. */
  readonly #owed = new Map<string, number>();

  choose({ free }: Choice): LiveMember {
    const chosen = this.#dueFirst(free);
    const { id } = chosen.member;
    this.#owed.set(id, (this.#owed.get(id) ?? 0) - 1);
    return chosen;
  }

  #dueFirst(free: Choice["free"]): LiveMember {
    let total = 0;
    for (const { member } of free) total += member.weight;
    let [chosen] = free;
    let dueIn = Infinity;
    let owedMost = -Infinity;
    for (const candidate of free) {
      const share = candidate.member.weight / total;
      const owed = (this.#owed.get(candidate.member.id) ?? 0) + share;
      this.#owed.set(candidate.member.id, owed);
      const due = owed > nothing ? (1 - owed) / share : Infinity;
      // Nobody may be owed anything when members that were are out; then the one closest to it.
      if (due < dueIn || (dueIn === Infinity && owed > owedMost)) chosen = candidate;
      dueIn = Math.min(dueIn, due);
      owedMost = Math.max(owedMost, owed);
    }
    return chosen;
  }
}
