/** How many of the new sessions each member may expect, per scheduling method (S3-68, N7): what the console shows before saving, and tests measure against. */
import type { MemberState, Scheduling } from "./pool.ts";

/** What a share depends on. `isUp` left out: taken as up, which is what a form shows before anything was checked. */
export type ShareMember = { weight: number; state: MemberState; isUp?: boolean | undefined };

/**
 * Expected share of new sessions per member, 0 to 1, in the order given; their sum is 1, or 0 when no member takes new sessions.
 * For least connections and source hash it is what many sessions of equal length from many sources come to. Sessions that persistence keeps are not new.
 */
export function expectedShares(scheduling: Scheduling, members: readonly ShareMember[]): number[] {
  const takes = members.map(takesNewSessions);
  if (scheduling === "failover" || scheduling === "first-alive") return members.map((_, index) => (index === takes.indexOf(true) ? 1 : 0));
  const parts = members.map((member, index) => (takes[index] === true ? (scheduling === "round-robin" ? 1 : member.weight) : 0));
  const whole = parts.reduce<number>((sum, part) => sum + part, 0);
  return parts.map((part) => (whole === 0 ? 0 : part / whole));
}

/** True for a member that is offered new sessions: enabled, a weight above 0, not known to be down. */
export function takesNewSessions(member: ShareMember): boolean {
  return member.state === "enabled" && member.weight > 0 && member.isUp !== false;
}
