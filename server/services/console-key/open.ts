/** Opens what an agent sealed to the organisation's key: its keys and its results. Whatever is not exactly the fixed algorithms is refused before any key is used. */
import { compactDecrypt, decodeProtectedHeader } from "jose";
import { commandAlgorithms } from "../../../contract/command.ts";
import type { Db, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { encryptionKey } from "./keys.ts";

/** Longest sealed text that is looked at, characters. */
const sealedMax = 400_000;

/** The plaintext of a compact JWE. Throws `command-invalid`; the reason never repeats what was inside. */
export async function openSealed(db: Db | Tx, organisationId: string, jwe: string): Promise<Uint8Array> {
  if (jwe.length > sealedMax) throw new ConsoleError("command-invalid", `What the agent sent sealed is longer than ${sealedMax} characters.`);
  const key = await encryptionKey(db, organisationId, keyIdOf(jwe));
  if (!key) throw new ConsoleError("command-invalid", "What the agent sent is sealed to a key that this organisation does not have; it takes the present one with its next policy.");
  try {
    const { plaintext } = await compactDecrypt(jwe, key, { keyManagementAlgorithms: [commandAlgorithms.keyManagement], contentEncryptionAlgorithms: [commandAlgorithms.encryption] });
    return plaintext;
  } catch (cause) {
    throw new ConsoleError("command-invalid", "What the agent sent sealed cannot be opened: it was altered on the way.", { cause });
  }
}

function keyIdOf(jwe: string): string {
  try {
    const header = decodeProtectedHeader(jwe);
    if (header.alg === commandAlgorithms.keyManagement && header.enc === commandAlgorithms.encryption && header.zip === undefined && typeof header.kid === "string") return header.kid;
  } catch (cause) {
    throw new ConsoleError("command-invalid", "What the agent sent is not sealed.", { cause });
  }
  throw new ConsoleError("command-invalid", `What the agent sent is not sealed with ${commandAlgorithms.keyManagement} and ${commandAlgorithms.encryption}, or names no key.`);
}
