/** One-time link secrets and API keys: 32 random bytes as text for the holder, only their SHA-256 in the database. A high-entropy secret needs no slow hash. */
import { createHash, randomBytes } from "node:crypto";

export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** What is stored and looked up. Finding a row by this hash compares hashes only, so timing tells nothing about the secret. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
