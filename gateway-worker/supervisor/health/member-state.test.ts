import { describe, expect, it } from "vitest";
import type { SeenCertificate } from "../../../contract/health-check.ts";
import { type CheckResult, MemberState } from "./member-state.ts";

const counts = { rise: 2, fall: 3 };
let at = 0;
const moment = (): { at: number; iso: string; tookMs: number } => ({ at: (at += 100), iso: new Date(at).toISOString(), tookMs: 1 });

function fresh(): MemberState {
  return new MemberState({ poolId: "pool", memberId: "member" }, "mail1: not checked yet", moment());
}

const results: Record<string, CheckResult> = {
  u: { state: "up", cause: "mail1: up", certificate: null },
  n: { state: "next-hop", cause: "mail1: up; next hop mta1:25 refused the connection", certificate: null },
  d: { state: "down", cause: "mail1: down; refused", certificate: null },
};

/** Feeds one letter per check and gives the state after each, as the same letters. */
function states(script: string): string {
  const state = fresh();
  return [...script].map((letter) => {
    const result = results[letter];
    if (result) state.checked(result, counts, moment());
    return state.health.state[0] ?? "";
  }).join("");
}

describe("rise and fall (rise 2, fall 3)", () => {
  it.each([
    ["u", "u"],
    ["d", "d"],
    ["n", "n"],
    ["udduddd", "uuuuuud"],
    ["dudduu", "dddddu"],
    ["unnn", "uuun"],
    ["nuu", "nnu"],
    ["nddd", "nnnd"],
    // Worse in whatever way counts against "up"; what the last check found is then believed.
    ["undn", "uuun"],
    ["unnd", "uuud"],
    // Better in whatever way counts for "down".
    ["dnu", "ddu"],
    ["dun", "ddn"],
    // Between two stools nothing is confirmed.
    ["nudududd", "nnnnnnnn"],
  ])("goes through %s as %s [T31]", (script, expected) => expect(states(script)).toBe(expected));

  it("asks for a quick confirmation only while results contradict the state", () => {
    const state = fresh();
    const { u, d } = results as { u: CheckResult; d: CheckResult };
    for (const [result, isConfirming] of [[u, false], [d, true], [d, true], [d, false], [d, false], [u, true], [u, false]] as const) {
      state.checked(result, counts, moment());
      expect(state.isConfirming).toBe(isConfirming);
    }
  });
});

describe("passive failures", () => {
  const { u, d } = results as { u: CheckResult; d: CheckResult };

  it("hold a member down, then one passing check is enough", () => {
    const state = fresh();
    state.checked(u, counts, moment());
    expect(state.failedPassively("mail1: down; 3 connections in a row failed: refused", 1_000, moment())).toBe(true);
    expect(state.failedPassively("mail1: down; 4 connections in a row failed: refused", 1_000, moment())).toBe(false);
    for (let round = 0; round < 5; round += 1) expect(state.checked(u, counts, moment())).toBe(false);
    at += 1_000;
    expect(state.checked(u, counts, moment())).toBe(true);
    expect(state.health.state).toBe("up");
  });

  it("leave the verdict to a check that fails itself: then its rise counts again", () => {
    const state = fresh();
    state.checked(u, counts, moment());
    state.failedPassively("mail1: down; 3 connections in a row failed: refused", 1_000, moment());
    at += 1_000;
    for (const [result, expected] of [[d, "down"], [u, "down"], [u, "up"]] as const) {
      state.checked(result, counts, moment());
      expect(state.health.state).toBe(expected);
    }
  });
});

describe("what a member's health carries", () => {
  const seen: SeenCertificate = { fingerprint: "ab".repeat(32), subject: "CN=a", issuer: "CN=b", names: ["a"], notAfter: "2030-01-01T00:00:00.000Z", isVerified: true, problem: null };

  it("reports a new certificate without a change of state, and keeps the last one seen when a check does not get so far", () => {
    const state = fresh();
    expect(state.checked({ state: "up", cause: "mail1: up", certificate: seen }, counts, moment())).toBe(true);
    expect(state.checked({ state: "up", cause: "mail1: up", certificate: { ...seen } }, counts, moment())).toBe(false);
    expect(state.checked({ state: "up", cause: "mail1: up", certificate: { ...seen, fingerprint: "cd".repeat(32) } }, counts, moment())).toBe(true);
    for (let round = 0; round < 3; round += 1) state.checked({ state: "down", cause: "mail1: down; refused", certificate: null }, counts, moment());
    expect(state.health).toMatchObject({ state: "down", certificate: { fingerprint: "cd".repeat(32) } });
  });

  it("cuts a cause that is longer than a report carries", () => {
    const state = fresh();
    state.checked({ state: "down", cause: "x".repeat(2_000), certificate: null }, counts, moment());
    expect(state.health.cause).toHaveLength(500);
    expect(state.checked({ state: "down", cause: "x".repeat(2_000), certificate: null }, counts, moment())).toBe(false);
  });
});
