import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { PublicJwk } from "../../contract/command.ts";
import { verifyGrant } from "./grant.ts";

const nowMs = Date.parse("2026-11-23T12:00:00Z");
const now = nowMs / 1000;
const organisationId = randomUUID();
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k1" } as PublicJwk;
const trust = { organisationId, signing: [jwk] };
const claims = { iss: organisationId, aud: "reach", jti: randomUUID(), sub: "user:1", name: "Ada", agent: randomUUID(), host: "127.0.0.1", port: 22, iat: now, exp: now + 120, until: now + 3_600 };

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function grant(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}, key = privateKey): string {
  const text = `${part({ alg: "ES256", typ: "sallyport-grant+jwt", kid: "k1", ...header })}.${part({ ...claims, ...changes })}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

describe("a grant", () => {
  it("of the console, in time, is believed [S4-43]", () => {
    expect(verifyGrant(grant(), trust, nowMs)).toEqual({ kind: "valid", claims });
    expect(verifyGrant(grant(), trust, nowMs + 170_000).kind).toBe("valid");
  });

  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const good = grant();
  const [head = "", body = "", signature = ""] = good.split(".");
  const der = sign("sha256", Buffer.from(`${head}.${body}`), createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }))).toString("base64url");
  it.each([
    ["of another organisation", grant({ iss: randomUUID() })],
    ["that is over", grant({ iat: now - 400, exp: now - 280 })],
    ["whose session would be over", grant({ until: now })],
    ["from the future", grant({ iat: now + 600, exp: now + 700 })],
    ["good for longer than two minutes", grant({ exp: now + 3_600 })],
    ["for something else than reaching", grant({ aud: "other" })],
    ["with claims that nobody knows", grant({ admin: true })],
    ["signed by a key of somebody else", grant({}, {}, other)],
    ["with a key id of nobody", grant({}, { kid: "k2" })],
    ["that names another algorithm", grant({}, { alg: "HS256" })],
    ["that is not signed", `${part({ alg: "none", typ: "sallyport-grant+jwt", kid: "k1" })}.${body}.`],
    ["that is a command", grant({}, { typ: "sallyport-command+jwt" })],
    ["with a header that brings its own key", grant({}, { jwk })],
    ["with a critical extension", grant({}, { crit: ["b64"], b64: false })],
    ["with another body", `${head}.${part({ ...claims, agent: randomUUID() })}.${signature}`],
    ["with a signature in another form", `${head}.${body}.${der}`],
    ["with a signature spelt otherwise", `${head}.${body}.${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : signature.endsWith("Q") ? "R" : signature.endsWith("g") ? "h" : "x"}`],
    ["with padding", `${good}==`],
    ["with a fourth part", `${good}.${head}`],
    ["that is empty", ""],
  ])("%s is refused [T21] [S4-43]", (_what, text) => {
    expect(verifyGrant(text, trust, nowMs).kind).toBe("refused");
  });

  it("is refused where no key is known yet", () => {
    expect(verifyGrant(grant(), { organisationId, signing: [] }, nowMs).kind).toBe("refused");
  });
});
