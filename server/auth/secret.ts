/** The key that signs session cookies: derived from the installation's master key, so that there is one secret to keep and a copy of the database is not enough to forge a cookie. */
import { hkdfSync } from "node:crypto";
import { masterKey } from "../services/seal.ts";

/** 32 bytes in hex. Throws when the installation's master key cannot be used. */
export function cookieSecret(): string {
  return Buffer.from(hkdfSync("sha256", masterKey().key, "sallyport", "session cookies", 32)).toString("hex");
}
