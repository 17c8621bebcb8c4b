import { describe, expect, it } from "vitest";
import { rollUp, type Tally } from "./tally.ts";

const tcp = { checkKind: "tcp", nextHopTakesMemberOut: false };
const [unlooked, up, nextHop, down] = [0, 1, 2, 3];
const tally = (worst: number | undefined, count = 1, more: Partial<Tally> = {}): Tally => ({ state: "enabled", worst: worst ?? 0, count, cause: null, ...more });

describe("the state of a pool", () => {
  it("is up with every member, degraded with some, down with none, and says why [N6]", () => {
    expect(rollUp([tally(up, 3)], tcp)).toEqual({ state: "up", cause: "All 3 members work.", membersUp: 3, memberCount: 3 });
    expect(rollUp([tally(up, 2), tally(down, 1, { cause: "mail3: connection refused" })], tcp)).toEqual({ state: "degraded", cause: "1 of 3 members is down. mail3: connection refused.", membersUp: 2, memberCount: 3 });
    expect(rollUp([tally(down, 2, { cause: "mail1: connection refused" })], tcp)).toEqual({ state: "down", cause: "No member works. mail1: connection refused.", membersUp: 0, memberCount: 2 });
    expect(rollUp([], tcp)).toMatchObject({ state: "down", cause: "The pool has no members." });
  });

  it("tells a member whose next hop is down from one that is down, and takes it out only when told so [S3-17] [S3-18] [N6]", () => {
    const tallies = [tally(nextHop, 1, { cause: "mail1: up; next hop mta1:25 refused the connection" })];
    expect(rollUp(tallies, tcp)).toEqual({ state: "degraded", cause: "All members answer, but a next hop does not. mail1: up; next hop mta1:25 refused the connection.", membersUp: 1, memberCount: 1 });
    expect(rollUp(tallies, { checkKind: "smtp", nextHopTakesMemberOut: true })).toMatchObject({ state: "down", membersUp: 0 });
  });

  it("does not count members that are drained or disabled, and is disabled when all are", () => {
    expect(rollUp([tally(up), tally(down, 1, { state: "disabled" }), tally(down, 1, { state: "drain" })], tcp)).toMatchObject({ state: "up", membersUp: 1, memberCount: 3 });
    expect(rollUp([tally(up, 2, { state: "drain" })], tcp)).toMatchObject({ state: "disabled" });
  });

  it("is unknown until somebody has looked; without a check a member works until it fails", () => {
    expect(rollUp([tally(unlooked, 2)], tcp)).toMatchObject({ state: "unknown", membersUp: 0 });
    expect(rollUp([tally(unlooked, 1), tally(up, 1)], tcp)).toMatchObject({ state: "up", cause: "1 of 2 members work; the others are not checked yet." });
    expect(rollUp([tally(unlooked, 2)], { checkKind: "none", nextHopTakesMemberOut: false })).toMatchObject({ state: "up", membersUp: 2 });
  });
});
