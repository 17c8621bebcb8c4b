/** Writes one command: claims signed by the organisation, sealed to the agent (S4-32, S4-33, S4-43). Made when the agent fetches it and kept nowhere. */
import { createHmac } from "node:crypto";
import { CompactEncrypt, importJWK } from "jose";
import { commandAlgorithms, type CommandClaims, commandClaims, commandType, type PublicJwk } from "../../../contract/command.ts";
import type { Db } from "../../db.ts";
import { signForOrganisation } from "../console-key/sign.ts";

export type CommandTarget = { organisationId: string; agentId: string; encryptionKey: PublicJwk; token: string };
export type CommandContent = { id: string; expiresAt: Date; command: CommandClaims["command"] };

/** A compact JWE over a compact JWS of `commandClaims`. */
export async function writeCommand(db: Db, target: CommandTarget, content: CommandContent, now: Date): Promise<string> {
  const claims = commandClaims.parse({
    iss: target.organisationId,
    aud: target.agentId,
    jti: content.id,
    iat: seconds(now),
    exp: seconds(content.expiresAt),
    tok: commandProof(target.token, content.id),
    command: content.command,
  });
  const signed = await signForOrganisation(db, target.organisationId, { type: commandType, claims });
  const header = { alg: commandAlgorithms.keyManagement, enc: commandAlgorithms.encryption, kid: target.encryptionKey.kid, cty: "JWT" };
  return new CompactEncrypt(new TextEncoder().encode(signed)).setProtectedHeader(header).encrypt(await importJWK(target.encryptionKey, header.alg));
}

/** HMAC-SHA256 of the command's id with the agent's token: the console that got the token speaks. */
function commandProof(token: string, id: string): string {
  return createHmac("sha256", Buffer.from(token, "base64url")).update(id).digest("base64url");
}

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1_000);
}
