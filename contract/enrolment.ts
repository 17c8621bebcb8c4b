/**
 * Enrolment: a one-time token and a CSR become an identity. The token text is `sp1.<kind>.<base64url JSON>`; the JSON says where to connect and which CA to
 * expect there, so that first contact is verified. Only the `secret` proves anything; it is stored hashed and spent in the transaction that issues.
 */
import { z } from "zod";
import { fingerprint } from "./fingerprint.ts";
import { host, port } from "./names.ts";

export const tokenKind = z.enum(["gateway", "agent"]);
export type TokenKind = z.infer<typeof tokenKind>;

export const tokenContent = z.strictObject({
  /** Where to enrol: the control channel for gateways, the agent site for agents. */
  host,
  port,
  organisationId: z.uuid(),
  /** SHA-256 of the organisation's root CA certificate; the peer's chain must end in it. */
  caFingerprint: fingerprint,
  /** 32 random bytes, base64url. */
  secret: z.string().regex(/^[A-Za-z0-9_-]{43}$/, { error: "the token's secret is damaged; copy the whole token" }),
});
export type TokenContent = z.infer<typeof tokenContent>;

const tokenPattern = /^sp1\.(gateway|agent)\.([A-Za-z0-9_-]{20,2000})$/;

function toBase64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function fromBase64Url(text: string): string {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}

/** Writes the token text that a person copies. */
export function formatToken(kind: TokenKind, content: TokenContent): string {
  return `sp1.${kind}.${toBase64Url(JSON.stringify(content))}`;
}

/** Reads a token text; the error is a sentence for the person who pasted it and never repeats the token. */
export function parseToken(text: string): { kind: TokenKind; content: TokenContent } | { error: string } {
  const match = tokenPattern.exec(text.trim());
  if (!match) return { error: "this is not an enrolment token; it starts with sp1. and is one line without spaces" };
  try {
    const parsed = tokenContent.safeParse(JSON.parse(fromBase64Url(match[2] ?? "")));
    return parsed.success ? { kind: match[1] as TokenKind, content: parsed.data } : { error: "the enrolment token is damaged; copy it again, whole" };
  } catch {
    return { error: "the enrolment token is damaged; copy it again, whole" };
  }
}

const csrPem = z.string().min(100).max(10_000);

/** Gateway to console, over TLS verified by the token's CA fingerprint. Repeating it with the same secret and the same key returns the same certificate: a lost reply loses nothing. */
export const gatewayEnrolment = z.strictObject({ secret: z.string().min(43).max(43), csrPem, version: z.string().max(40), hostname: z.string().max(253) });
export const gatewayEnrolmentReply = z.strictObject({
  gatewayId: z.uuid(),
  name: z.string(),
  organisationId: z.uuid(),
  trustDomain: z.string(),
  certificateChainPem: z.string(),
  /** Root first, then issuing. */
  caPem: z.string(),
});
export type GatewayEnrolmentReply = z.infer<typeof gatewayEnrolmentReply>;

/** Agent to agent site: POST /v1/enrol, directly or through a gateway with the bundle's own certificate. Idempotent like the gateway's. */
export const agentEnrolment = z.strictObject({
  secret: z.string().min(43).max(43),
  csrPem,
  hostname: z.string().max(253),
  platform: z.string().max(40),
  version: z.string().max(40),
  /** Identity the agent already holds and wants to replace (re-enrolment); proven by the client certificate of this connection, ignored otherwise. */
  previousAgentId: z.uuid().nullable(),
});
export type AgentEnrolment = z.infer<typeof agentEnrolment>;

export const agentEnrolmentReply = z.strictObject({
  agentId: z.uuid(),
  organisationId: z.uuid(),
  trustDomain: z.string(),
  certificateChainPem: z.string(),
  caPem: z.string(),
});
export type AgentEnrolmentReply = z.infer<typeof agentEnrolmentReply>;
