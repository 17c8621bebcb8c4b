/** Makes commands as an attacker would, with whatever he may have got hold of. */
import { createHmac, randomUUID } from "node:crypto";
import { CompactEncrypt, CompactSign, exportSPKI, generateKeyPair, importJWK } from "jose";
import { type CommandClaims, commandType, publicJwk, type PublicJwk } from "../../../contract/command.ts";
import { db } from "../../../server/db.ts";
import { openToken } from "../../../server/services/agent/keys.ts";
import { consoleKeysOf } from "../../../server/services/console-key/keys.ts";
import { signForOrganisation } from "../../../server/services/console-key/sign.ts";

export type Forger = { organisationId: string; agentId: string; encryptionKey: PublicJwk; token: string };

export async function forgerOf(organisationId: string, agentId: string): Promise<Forger> {
  const { encryptionKey, sealedToken } = await db().agent.findUniqueOrThrow({ where: { id: agentId } });
  if (!sealedToken) throw new Error("the agent has no keys yet");
  return { organisationId, agentId, encryptionKey: publicJwk.parse(encryptionKey), token: openToken(sealedToken) };
}

/** What the console itself would say. */
export function claimsFor({ organisationId, agentId, token }: Forger, extra: Partial<CommandClaims> = {}): CommandClaims {
  const now = Math.floor(Date.now() / 1_000);
  const jti = extra.jti ?? randomUUID();
  return { iss: organisationId, aud: agentId, jti, iat: now, exp: now + 600, tok: proof(token, jti), command: { kind: "task", order: { kind: "run-script", script: "echo forged >> /tmp/sallyport-forged", user: "agent", timeoutSeconds: 10, outputMaxBytes: 1_000 } }, ...extra };
}

export function proof(token: string, jti: string): string {
  return createHmac("sha256", Buffer.from(token, "base64url")).update(jti).digest("base64url");
}

/** With the organisation's own key: what only the console can do. */
export function signed(organisationId: string, claims: object, type = commandType): Promise<string> {
  return signForOrganisation(db(), organisationId, { type, claims });
}

export async function sealed(key: PublicJwk, content: string, header: { alg?: string; enc?: string; kid?: string; zip?: string } = {}): Promise<string> {
  const full = { alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: key.kid, ...header };
  return new CompactEncrypt(new TextEncoder().encode(content)).setProtectedHeader(full).encrypt(await importJWK(key, full.alg));
}

/** A token that says it needs no signature. */
export function withoutSignature(claims: object): string {
  return `${encode({ alg: "none", typ: commandType })}.${encode(claims)}.`;
}

/** HMAC with the console's public key as the secret, for a verifier that takes the algorithm from the token. */
export async function signedWithPublicKey(organisationId: string, claims: object, form: "spki" | "jwk"): Promise<string> {
  const [key] = (await consoleKeysOf(db(), organisationId)).signing;
  if (!key) throw new Error("no signing key");
  const imported = await importJWK({ ...key }, "ES256", { extractable: true });
  if (imported instanceof Uint8Array) throw new Error("no elliptic curve key");
  const secret = form === "spki" ? await exportSPKI(imported) : JSON.stringify(key);
  const content = `${encode({ alg: "HS256", typ: commandType, kid: key.kid })}.${encode(claims)}`;
  return `${content}.${createHmac("sha256", secret).update(content).digest("base64url")}`;
}

/** With a key of his own, under the console's key id, and with that key in the header for whoever believes it. */
export async function signedByStranger(organisationId: string, claims: object, isKeyShown: boolean): Promise<string> {
  const [key] = (await consoleKeysOf(db(), organisationId)).signing;
  const pair = await generateKeyPair("ES256", { extractable: true });
  const { exportJWK } = await import("jose");
  const header = { alg: "ES256", typ: commandType, kid: key?.kid ?? "", ...(isKeyShown ? { jwk: await exportJWK(pair.publicKey) } : {}) };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader(header).sign(pair.privateKey);
}

/** The same token with one part changed. */
export function altered(token: string, part: number, change: (text: string) => string): string {
  const parts = token.split(".");
  return parts.with(part, change(parts[part] ?? "")).join(".");
}

export function flip(text: string): string {
  const at = Math.floor(text.length / 2);
  return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
}

export function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
