/** The key that seals a service's persistence cookies: 32 random bytes, the same on every gateway, sealed at rest. */
import { randomBytes } from "node:crypto";
import { sealKey } from "../seal.ts";

/** What such a key is sealed for; whoever opens one repeats it. */
export const persistenceKeyPurpose = "virtual-service:persistence";

/** A fresh key, sealed as it is stored. */
export function newPersistenceKey(): Uint8Array<ArrayBuffer> {
  return sealKey(randomBytes(32).toString("base64"), persistenceKeyPurpose);
}
