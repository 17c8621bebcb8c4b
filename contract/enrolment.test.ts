import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatToken, parseToken, type TokenContent } from "./enrolment.ts";

const content: fc.Arbitrary<TokenContent> = fc.record({
  host: fc.constantFrom("localhost", "console.corp.example", "10.1.2.3", "2001:db8:0:0:0:0:0:10"),
  port: fc.integer({ min: 1, max: 65_535 }),
  organisationId: fc.uuid(),
  caFingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex")),
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
});
const kind = fc.constantFrom("gateway" as const, "agent" as const);

describe("enrolment tokens", () => {
  it("survive being copied, with the spaces and line ends that copying adds", () => {
    fc.assert(
      fc.property(kind, content, (given, inside) => {
        expect(parseToken(`  ${formatToken(given, inside)}\r\n`)).toEqual({ kind: given, content: inside });
      }),
    );
  });

  it("are one word that needs no quoting in a shell or a file [T35]", () => {
    fc.assert(fc.property(kind, content, (given, inside) => /^[A-Za-z0-9._-]+$/.test(formatToken(given, inside))));
  });

  it("refuse every cut copy with a sentence that never repeats it [T40]", () => {
    fc.assert(
      fc.property(kind, content, fc.nat(), (given, inside, at) => {
        const whole = formatToken(given, inside);
        const cut = whole.slice(0, at % whole.length);
        const parsed = parseToken(cut);
        if (!("error" in parsed)) throw new Error(`accepted ${cut}`);
        expect(parsed.error).toMatch(/token/);
        if (cut.length > 12) expect(parsed.error).not.toContain(cut.slice(-12));
      }),
    );
  });

  it("refuse any other text without throwing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => "error" in parseToken(text) && "error" in parseToken(`sp1.agent.${text}`)));
  });

  it("refuse a field that nobody knows: an altered token is no token", () => {
    const inside = { host: "h.example", port: 1, organisationId: "11111111-1111-4111-8111-111111111111", caFingerprint: "a".repeat(64), secret: "s".repeat(43), extra: true };
    expect(parseToken(formatToken("agent", inside))).toHaveProperty("error");
  });
});
