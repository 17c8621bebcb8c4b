/**
 * The relay's one secret: key and certificate in one file, made at the first start and never again. Nodes behind one balancer may share it
 * (copy the file), or each have their own, which a person then confirms one by one.
 */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { RelayError } from "./errors.ts";
import { makeSelfSigned } from "./self-signed.ts";

export const keyFileName = "relay-key.pem";

export type RelayIdentity = {
  certificatePem: string;
  keyPem: string;
  /** SHA-256 of the certificate's DER, lower-case hex: what a person confirms. */
  fingerprint: string;
};

/** Reads the key file, or makes it. Two nodes that start at once on a shared directory end up with the same one. Throws RelayError `key`. */
export async function loadOrMakeIdentity(folder: string, relayName: string): Promise<RelayIdentity> {
  const file = path.join(folder, keyFileName);
  const stored = await readKeyFile(file);
  if (stored !== undefined) return stored;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    await writeOnce(file, relayName);
  } catch (cause) {
    throw new RelayError("key", `The key file ${file} cannot be written; give the relay's user a directory of its own with SALLYPORT_RELAY_DIR.`, cause);
  }
  const made = await readKeyFile(file);
  if (made === undefined) throw new RelayError("key", `The key file ${file} has gone right after it was made.`);
  return made;
}

async function readKeyFile(file: string): Promise<RelayIdentity | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new RelayError("key", `The key file ${file} cannot be read; it must belong to the user that runs the relay.`, cause);
  }
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0 && process.platform !== "win32") throw new RelayError("key", `The key file ${file} can be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file}`);
  try {
    const certificate = new X509Certificate(text);
    const key = createPrivateKey(text);
    if (!certificate.checkPrivateKey(key)) throw new Error("the certificate is for another key");
    return { certificatePem: certificate.toString(), keyPem: key.export({ format: "pem", type: "pkcs8" }).toString(), fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase() };
  } catch (cause) {
    throw new RelayError("key", `The key file ${file} is damaged; copy it again from another node, or remove it for a new key, whose fingerprint must then be confirmed in the console.`, cause);
  }
}

/** Written beside, synced, then linked: the name is either absent or complete, and an existing file wins. */
async function writeOnce(file: string, relayName: string): Promise<void> {
  const { certificatePem, keyPem } = makeSelfSigned(`relay ${relayName.replace(/[^\x20-\x7e]/g, "?").slice(0, 50)}`, new Date(Date.now() - 86_400_000));
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(`${keyPem}${certificatePem}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
