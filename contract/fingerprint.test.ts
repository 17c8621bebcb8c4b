import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fingerprint, groupHex, normaliseHex } from "./fingerprint.ts";

const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));

describe("fingerprints", () => {
  it("are the same however a person pastes them", () => {
    fc.assert(
      fc.property(sha256, (hex) => {
        const colons = hex.toUpperCase().replace(/(..)(?=.)/g, "$1:");
        for (const pasted of [hex, colons, groupHex(hex), ` ${hex} \n`, hex.replace(/(.{8})/g, "$1-")]) expect(fingerprint.parse(pasted)).toBe(hex);
      }),
    );
  });

  it("refuse a SHA-1 thumbprint and say which of the two a pin needs [S1-53]", () => {
    const parsed = fingerprint.safeParse("AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD");
    expect(parsed.error?.issues[0]?.message).toMatch(/SHA-1 thumbprint.*SHA-256/);
  });

  it.each(["", "zz", "a".repeat(63), "a".repeat(65), "g".repeat(64)])("refuse %j", (text) => {
    expect(fingerprint.safeParse(text).success).toBe(false);
  });

  it("are shown in groups that lose nothing", () => {
    fc.assert(fc.property(sha256, (hex) => normaliseHex(groupHex(hex)) === hex));
  });
});
