import { describe, expect, it } from "vitest";
import { readCredential } from "./credential.ts";
import { readReachTarget } from "./target.ts";
import { UsedGrants } from "./used-grants.ts";

const head = (...fields: string[]): Buffer => Buffer.from(["CONNECT a.agents:22 HTTP/1.1", "Host: a.agents", ...fields, "", ""].join("\r\n"));
const basic = (pair: string): string => Buffer.from(pair).toString("base64");

describe("the credential of a request", () => {
  it("is an API key or a grant, as Bearer or as the password of Basic", () => {
    expect(readCredential(head("Proxy-Authorization: Bearer spk_0123456789"))).toEqual({ kind: "api-key", secret: "spk_0123456789" });
    expect(readCredential(head("proxy-authorization:\tbearer   spk_0123456789 "))).toEqual({ kind: "api-key", secret: "spk_0123456789" });
    expect(readCredential(head("Proxy-Authorization: Bearer aaaa.bbbb.cccc"))).toEqual({ kind: "grant", grant: "aaaa.bbbb.cccc" });
    expect(readCredential(head(`Proxy-Authorization: Basic ${basic("anybody:spk_0123456789")}`))).toEqual({ kind: "api-key", secret: "spk_0123456789" });
    expect(readCredential(head(`Proxy-Authorization: Basic ${basic("x:aaaa.bbbb.cccc")}`))).toEqual({ kind: "grant", grant: "aaaa.bbbb.cccc" });
    expect(readCredential(head("Authorization: Bearer spk_0123456789"))).toEqual({ kind: "none" });
  });

  it.each([
    ["twice", ["Proxy-Authorization: Bearer spk_0123456789", "Proxy-Authorization: Bearer spk_0123456789"]],
    ["of another scheme", ["Proxy-Authorization: Digest username=x"]],
    ["in two parts", ["Proxy-Authorization: Bearer spk_0123456789 more"]],
    ["empty", ["Proxy-Authorization: Bearer "]],
    ["too short", ["Proxy-Authorization: Bearer spk_"]],
    ["too long", [`Proxy-Authorization: Bearer ${"a".repeat(4_001)}`]],
    ["not base64", ["Proxy-Authorization: Basic %%%"]],
    ["without a password", [`Proxy-Authorization: Basic ${basic("spk_0123456789")}`]],
    ["with control bytes", [`Proxy-Authorization: Basic ${basic("x:spk_01234\r\n56789")}`]],
  ])("%s is refused [T03] [T35]", (_what, fields) => {
    expect(readCredential(head(...fields)).kind).toBe("refused");
  });
});

describe("the target of a request", () => {
  it("is an agent's name or id, and a port", () => {
    expect(readReachTarget("Web-1.branch-koln-2.agents:5432")).toEqual({ name: { kind: "name", hostname: "web-1", site: "branch-koln-2" }, text: "Web-1.branch-koln-2.agents", port: 5432 });
    expect(readReachTarget("0a0a0a0a-0000-4000-8000-0000000000aa.agents:22")).toMatchObject({ name: { kind: "id" }, port: 22 });
  });

  it.each(["10.0.0.2:22", "[::1]:22", "a.agents", "a.agents:0", "a.agents:65536", "a.agents:022", "a.agents:22:22", "x@a.agents:22", "a b.agents:22", "http://a.agents:22", ":22", "a..agents:22", "a.b.c.agents:22", "-a.agents:22"])("is not %s", (target) => {
    expect(readReachTarget(target)).toBeUndefined();
  });
});

describe("grants that were used", () => {
  it("are remembered until they are over, and nothing more is let in than can be remembered [T21]", () => {
    const used = new UsedGrants(2);
    expect([used.claim("a", 100, 0), used.claim("a", 100, 0), used.claim("b", 200, 0), used.claim("c", 300, 50)]).toEqual(["fresh", "used", "fresh", "full"]);
    expect(used.claim("c", 300, 150)).toBe("fresh");
    used.release("c");
    expect(used.claim("c", 300, 150)).toBe("fresh");
  });
});
