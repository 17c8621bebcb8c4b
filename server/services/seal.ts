/**
 * Seals private keys at rest: AES-256-GCM with the installation's master key, which lives in the environment or in `master.key` of the data directory (0600),
 * never in the database (T40). Layout: version (1 byte), key id (8), nonce (12), tag (16), length of the purpose (1), purpose, ciphertext. All in front of the
 * ciphertext except nonce and tag is authenticated, so that a sealed key cannot be moved to a row of another purpose.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { env } from "../env.ts";

const version = 1;
const keyIdBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes + nonceBytes + tagBytes + 1;

/** The master key is missing, unusable or not the one that sealed this; the sentence says what to do. */
export class SealError extends Error {}

export type MasterKey = { readonly key: Buffer; readonly id: Buffer };

/** Seals a text. `purpose` is written into the sealed bytes and checked by `open`. */
export function seal(master: MasterKey, text: string, purpose: string): Uint8Array<ArrayBuffer> {
  const nonce = randomBytes(nonceBytes);
  const purposeBytes = Buffer.from(purpose);
  const cipher = createCipheriv("aes-256-gcm", master.key, nonce);
  cipher.setAAD(authenticated(master.id, purposeBytes));
  const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Uint8Array.from(Buffer.concat([Buffer.from([version]), master.id, nonce, cipher.getAuthTag(), Buffer.from([purposeBytes.length]), purposeBytes, ciphertext]));
}

/** Opens what `seal` wrote. Throws SealError for another master key, another purpose or altered bytes. */
export function open(master: MasterKey, sealed: Uint8Array, purpose?: string): string {
  const bytes = Buffer.from(sealed);
  const purposeLength = bytes[headBytes - 1] ?? 0;
  if (bytes.length < headBytes + purposeLength || bytes[0] !== version) throw new SealError("A sealed private key is damaged; restore the database from a backup.");
  if (!bytes.subarray(1, 1 + keyIdBytes).equals(master.id)) {
    throw new SealError("The private keys in this database were sealed with another master key; start with the master.key file (or SALLYPORT_MASTER_KEY) that belongs to this database.");
  }
  const purposeBytes = bytes.subarray(headBytes, headBytes + purposeLength);
  if (purpose !== undefined && purposeBytes.toString() !== purpose) throw new SealError(`A sealed private key of the purpose ${purposeBytes.toString()} stands where one of the purpose ${purpose} belongs.`);
  const nonce = bytes.subarray(1 + keyIdBytes, 1 + keyIdBytes + nonceBytes);
  const decipher = createDecipheriv("aes-256-gcm", master.key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(authenticated(master.id, purposeBytes));
  decipher.setAuthTag(bytes.subarray(headBytes - 1 - tagBytes, headBytes - 1));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(headBytes + purposeLength)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new SealError("A sealed private key was altered; restore the database from a backup.", { cause });
  }
}

function authenticated(keyId: Buffer, purpose: Buffer): Buffer {
  return Buffer.concat([Buffer.from([version]), keyId, Buffer.from([purpose.length]), purpose]);
}

let cached: MasterKey | undefined;

/** The installation's master key, read (or made) once. Throws SealError when it cannot be used. */
export function masterKey(): MasterKey {
  const { SALLYPORT_MASTER_KEY, SALLYPORT_DATA } = env();
  cached ??= SALLYPORT_MASTER_KEY === undefined ? masterKeyFromFile(path.join(SALLYPORT_DATA, "master.key")) : parseMasterKey(SALLYPORT_MASTER_KEY, "SALLYPORT_MASTER_KEY");
  return cached;
}

/** Seals a private key in PEM with the installation's master key. */
export function sealKey(pem: string, purpose = "private-key"): Uint8Array<ArrayBuffer> {
  return seal(masterKey(), pem, purpose);
}

/** Opens a private key that `sealKey` sealed; with `purpose` given it must be the one it was sealed for. */
export function openKey(sealed: Uint8Array, purpose?: string): string {
  return open(masterKey(), sealed, purpose);
}

/** Reads 32 bytes in base64. `origin` names where the text came from; the text itself is never repeated. */
export function parseMasterKey(text: string, origin: string): MasterKey {
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== 32) throw new SealError(`${origin} holds ${key.length} bytes; a master key is 32 random bytes in base64 (openssl rand -base64 32).`);
  return { key, id: createHash("sha256").update("sallyport master key id").update(key).digest().subarray(0, keyIdBytes) };
}

/** Reads the key file, or makes it when there is none. Refuses a file that others can read. */
export function masterKeyFromFile(file: string): MasterKey {
  try {
    return readKeyFile(file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  // Written under another name and linked: two consoles that start at once agree on one key, and a crash leaves no half file.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  fs.writeFileSync(draft, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flush: true });
  try {
    fs.linkSync(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
  return readKeyFile(file);
}

function readKeyFile(file: string): MasterKey {
  const mode = fs.statSync(file).mode & 0o777;
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new SealError(`The master key file ${file} can be read by others (mode ${mode.toString(8)}); run: chmod 600 ${file}. If others had access to this machine, treat the keys in it as known.`);
  }
  return parseMasterKey(fs.readFileSync(file, "utf8"), `The master key file ${file}`);
}
