/** Least connections: the member with the fewest connections for its weight, never a fuller one; equals take turns by weight. */
import type { LiveMember } from "./live-member.ts";
import type { Choice, Scheduler } from "./scheduler.ts";
import { WeightedRoundRobin } from "./weighted-round-robin.ts";

export class LeastConnections implements Scheduler {
  readonly #turns = new WeightedRoundRobin();

  choose(choice: Choice): LiveMember {
    const [first] = choice.free;
    let equals: [LiveMember, ...LiveMember[]] = [first];
    for (const candidate of choice.free.slice(1)) {
      // Cross-multiplied, so that equal ratios are equal.
      const difference = candidate.load * equals[0].member.weight - equals[0].load * candidate.member.weight;
      if (difference < 0) equals = [candidate];
      else if (difference === 0) equals.push(candidate);
    }
    return equals.length === 1 ? equals[0] : this.#turns.choose({ ...choice, free: equals });
  }
}
