import { describe, expect, it } from "vitest";
import { MemberNames } from "./member-names.ts";
import type { MemberAnswer } from "./member-names.ts";

function table(answers: (MemberAnswer | Error)[]): { names: MemberNames; asked: () => number; pass: (ms: number) => void } {
  let asked = 0;
  let nowMs = 1_000;
  const names = new MemberNames(async () => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? new Error("no answer");
    asked += 1;
    await Promise.resolve();
    if (answer instanceof Error) throw answer;
    return answer;
  }, () => nowMs);
  return { names, asked: () => asked, pass: (ms) => void (nowMs += ms) };
}
const first = { addresses: ["10.0.0.1"], ttlSeconds: 20 };
const second = { addresses: ["10.0.0.2"], ttlSeconds: 20 };

describe("addresses of members", () => {
  it("dials a written address as it is, loopback too, and asks nobody [T02]", async () => {
    const { names, asked } = table([]);
    for (const host of ["127.0.0.1", "::1", "169.254.1.1"]) expect(await names.addressesOf(host, 100)).toEqual({ kind: "addresses", addresses: [host] });
    expect(asked()).toBe(0);
  });

  it("asks again once the TTL is over, and not before", async () => {
    const { names, asked, pass } = table([first, second]);
    expect(await names.addressesOf("mail.internal", 100)).toMatchObject({ addresses: ["10.0.0.1"] });
    pass(19_999);
    expect(await names.addressesOf("mail.internal", 100)).toMatchObject({ addresses: ["10.0.0.1"] });
    expect(asked()).toBe(1);
    pass(2);
    expect(await names.addressesOf("mail.internal", 100)).toMatchObject({ addresses: ["10.0.0.2"] });
    expect(asked()).toBe(2);
  });

  it("keeps no answer for less than a second or more than five minutes", async () => {
    const short = table([{ addresses: ["10.0.0.1"], ttlSeconds: 0 }]);
    await Promise.all(Array.from({ length: 50 }, async () => await short.names.addressesOf("mail.internal", 100)));
    expect(short.asked()).toBe(1);
    short.pass(1_001);
    await short.names.addressesOf("mail.internal", 100);
    expect(short.asked()).toBe(2);
    const long = table([{ addresses: ["10.0.0.1"], ttlSeconds: 86_400 }]);
    await long.names.addressesOf("mail.internal", 100);
    long.pass(300_001);
    await long.names.addressesOf("mail.internal", 100);
    expect(long.asked()).toBe(2);
  });

  it("goes on with the last addresses while the DNS is silent, and says so of a name that never resolved", async () => {
    const { names, pass } = table([first, new Error("SERVFAIL")]);
    await names.addressesOf("mail.internal", 100);
    pass(60_000);
    expect(await names.addressesOf("mail.internal", 100)).toMatchObject({ addresses: ["10.0.0.1"] });
    expect(await table([new Error("NXDOMAIN")]).names.addressesOf("mail.internal", 100)).toMatchObject({ kind: "failed", code: "backend-unresolved" });
    const never = new MemberNames(async () => await new Promise<MemberAnswer>(() => {}));
    expect(await never.addressesOf("mail.internal", 30)).toMatchObject({ kind: "failed", code: "backend-unresolved" });
  });

  it("never dials loopback, link-local or its own addresses by name [T02]", async () => {
    const { names } = table([{ addresses: ["127.0.0.1", "169.254.169.254", "::1"], ttlSeconds: 5 }]);
    expect(await names.addressesOf("rebound.internal", 100)).toMatchObject({ kind: "failed", code: "backend-address-forbidden" });
    const mixed = table([{ addresses: ["127.0.0.1", "10.0.0.7"], ttlSeconds: 5 }]);
    expect(await mixed.names.addressesOf("rebound.internal", 100)).toEqual({ kind: "addresses", addresses: ["10.0.0.7"] });
  });
});
