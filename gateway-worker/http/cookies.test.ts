import { describe, expect, it } from "vitest";
import { cookieLifeMs, readSetCookie, rewriteCookies } from "./cookies.ts";

describe("Cookie", () => {
  it("stays byte for byte where nothing of ours is in it [S3-15]", () => {
    expect(rewriteCookies(["a=1;b = 2 ; c; =;;d=\"x y\"", ""], () => undefined)).toBeUndefined();
  });

  it("loses only the pairs that are taken out, and a field that is empty then", () => {
    const without = (fields: string[]): string[] | undefined => rewriteCookies(fields, ({ name }) => (name === "ours" ? null : undefined));
    expect(without(["a=1; ours=2;  b=3", "ours=1", "c=4"])).toEqual(["a=1;  b=3", "c=4"]);
    expect(without(["ours=1; a=2"])).toEqual(["a=2"]);
    expect(without([Array.from({ length: 100 }, (_, index) => `ours=${index}`).join("; ")])).toEqual([]);
  });

  it("gets another value in place", () => {
    expect(rewriteCookies(["a=1; b=x~2; c=3"], ({ name, value }) => (name === "b" ? value.slice(2) : undefined))).toEqual(["a=1; b=2; c=3"]);
  });
});

describe("Set-Cookie", () => {
  const nowMs = Date.parse("2026-11-23T04:00:00Z");
  it.each([["a=1", null], ["a=1; Max-Age=60", 60_000], ["a=1; max-age=0", 0], ["a=1; Max-Age=-1; Expires=Wed, 25 Nov 2026 04:00:00 GMT", -1_000], ["a=1; Expires=Mon, 23 Nov 2026 04:01:00 GMT", 60_000], ["a=1; expires=Thu, 01-Jan-1970 00:00:00 GMT", -nowMs], ["a=; Path=/", 0], ["a=\"\"", 0], ["a=; Max-Age=60", 60_000]])("%s lives %s ms", (text, lifeMs) => {
    const cookie = readSetCookie(text);
    expect(cookie && cookieLifeMs(cookie, nowMs)).toBe(lifeMs);
  });

  it("keeps its attributes as they are", () => {
    expect(readSetCookie("a = b=c ;Path=/;  HttpOnly")).toEqual({ name: "a", value: "b=c", attributes: ";Path=/;  HttpOnly" });
    expect(readSetCookie("=b")).toBeUndefined();
  });
});
