/** Ordered list, first alive (S3-65, S3-66): clients go to the first member of the list that can take them, then to the second, and so on. */
import type { LiveMember } from "./live-member.ts";
import type { Choice, Scheduler } from "./scheduler.ts";

export class FirstAlive implements Scheduler {
  choose({ free }: Choice): LiveMember {
    return free[0];
  }
}
