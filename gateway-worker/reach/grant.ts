/**
 * Checks the console's grant: a compact JWS (RFC 7515), ES256 and nothing else, of one of the organisation's signing keys, for this organisation and not over.
 * The agent checks it again; a gateway can make none.
 */
import { createPublicKey, verify } from "node:crypto";
import { z } from "zod";
import { commandAlgorithms, type PublicJwk } from "../../contract/command.ts";
import { grantClaims, type GrantClaims, grantStartSeconds, grantType } from "../../contract/reach.ts";

export type GrantVerdict = { kind: "valid"; claims: GrantClaims } | { kind: "refused"; detail: string };
export type GrantTrust = { organisationId: string; signing: readonly PublicJwk[] };

/** Clocks of console and gateway may differ this much, seconds (T17). */
export const clockLeewaySeconds = 60;
/** R and S of P-256. */
const signatureBytes = 64;

const header = z.strictObject({ alg: z.literal(commandAlgorithms.signature), typ: z.literal(grantType), kid: z.string().min(1).max(64) });

export function verifyGrant(grant: string, trust: GrantTrust, nowMs: number): GrantVerdict {
  const parts = grant.split(".");
  const [head = "", body = "", signature = ""] = parts;
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return refuse("it is no compact JWS");
  const parsed = header.safeParse(readJson(head));
  if (!parsed.success) return refuse(`its header is not that of a grant (${commandAlgorithms.signature}, ${grantType})`);
  const key = trust.signing.find((candidate) => candidate.kid === parsed.data.kid);
  if (!key) return refuse("it is not signed with a key of this organisation");
  if (!isSignedBy(key, `${head}.${body}`, signature)) return refuse("its signature is not the console's");
  const claims = grantClaims.safeParse(readJson(body));
  if (!claims.success) return refuse("its claims do not fit");
  const problem = claimsProblem(claims.data, trust.organisationId, nowMs / 1000);
  return problem === undefined ? { kind: "valid", claims: claims.data } : refuse(problem);
}

function claimsProblem(claims: GrantClaims, organisationId: string, now: number): string | undefined {
  if (claims.iss !== organisationId) return "it is another organisation's";
  if (claims.exp + clockLeewaySeconds < now || claims.until <= now) return "its time is over";
  if (claims.iat - clockLeewaySeconds > now) return "it is from the future; compare the clocks of console and gateway";
  if (claims.exp - claims.iat > grantStartSeconds) return `it is good for longer than ${grantStartSeconds} s`;
  return undefined;
}

function isSignedBy(key: PublicJwk, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64url");
  // One spelling per signature: another text for the same bytes is an altered grant.
  if (bytes.length !== signatureBytes || bytes.toString("base64url") !== signature) return false;
  try {
    const { kty, crv, x, y } = key;
    return verify("sha256", Buffer.from(text), { key: createPublicKey({ key: { kty, crv, x, y }, format: "jwk" }), dsaEncoding: "ieee-p1363" }, bytes);
  } catch {
    return false; // a point that is not on the curve
  }
}

function readJson(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url")));
  } catch {
    return undefined;
  }
}

function refuse(detail: string): GrantVerdict {
  return { kind: "refused", detail: `The grant is refused: ${detail}.` };
}
