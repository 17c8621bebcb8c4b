/** The gateway's identity on disk: one file, replaced as a whole, so that a crash leaves the old identity or the new one (0600; the private key never leaves it). */
import { createPrivateKey, X509Certificate } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { host, port } from "../../../contract/names.ts";
import { GatewayError } from "../../errors.ts";
import { makePrivateFolder, readIfPresent, removeFile, writeDurably } from "../durable-file.ts";

const storedIdentity = z.strictObject({
  format: z.literal(1),
  gatewayId: z.uuid(),
  name: z.string(),
  organisationId: z.uuid(),
  trustDomain: z.string(),
  console: z.strictObject({ host, port }),
  /** Root first, then issuing. */
  caPem: z.string(),
  certificateChainPem: z.string(),
  keyPem: z.string(),
  enrolledAt: z.iso.datetime(),
  /** SHA-256 of the token that gave this identity: a token file that could not be removed is not tried again. */
  tokenSha256: z.string(),
});
export type GatewayIdentity = z.infer<typeof storedIdentity>;

const identityFile = (stateDir: string): string => path.join(stateDir, "identity.json");
const pendingKeyFile = (stateDir: string): string => path.join(stateDir, "enrolment-key.pem");

/** The stored identity, or undefined before enrolment. Throws `state-damaged` with the file's name when it cannot be used. */
export async function loadIdentity(stateDir: string): Promise<GatewayIdentity | undefined> {
  const file = identityFile(stateDir);
  const text = await readIfPresent(file);
  if (text === undefined) return undefined;
  try {
    const identity = storedIdentity.parse(JSON.parse(text));
    if (!new X509Certificate(identity.certificateChainPem).checkPrivateKey(createPrivateKey(identity.keyPem))) throw new Error("the key does not belong to the certificate");
    return identity;
  } catch (cause) {
    throw new GatewayError("state-damaged", `The identity in ${file} cannot be used; restore it from a backup, or remove it and enrol with a new token from the console.`, cause);
  }
}

/** Stores a new identity; the old one stays until the new one is on the disk. */
export async function saveIdentity(stateDir: string, identity: GatewayIdentity): Promise<void> {
  await makePrivateFolder(stateDir);
  await writeDurably(identityFile(stateDir), `${JSON.stringify(storedIdentity.parse(identity), null, 2)}\n`);
  await removeFile(pendingKeyFile(stateDir));
}

/** The key of an enrolment under way: kept until it succeeded, so that a lost reply is answered again for the same key (T19). */
export async function pendingKey(stateDir: string, make: () => string): Promise<string> {
  await makePrivateFolder(stateDir);
  const file = pendingKeyFile(stateDir);
  const stored = await readIfPresent(file);
  if (stored !== undefined && isKey(stored)) return stored;
  const made = make();
  await writeDurably(file, made);
  return made;
}

/** Forgets the key of a refused enrolment. */
export async function dropPendingKey(stateDir: string): Promise<void> {
  await removeFile(pendingKeyFile(stateDir));
}

function isKey(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    return false; // a torn write of an earlier run; a new key takes its place
  }
}
