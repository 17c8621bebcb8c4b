/** Source hash: a client's address decides its member. Consistent: a member that goes takes only its own share of clients away, and gets it back when it returns. */
import type { LiveMember } from "./live-member.ts";
import { hashText, rendezvous } from "./rendezvous.ts";
import type { Choice, Scheduler } from "./scheduler.ts";

export class SourceHash implements Scheduler {
  choose({ free, sourceKey }: Choice): LiveMember {
    return rendezvous(hashText(sourceKey), free, ({ member }) => member.weight);
  }
}
