/**
 * The organisation's two keys for what travels past relays (S4-32 to S4-43): one signs commands and grants, one opens what agents seal to the console. P-256; the
 * private halves are sealed with the master key. Made when first asked for.
 */
import { createHash } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from "jose";
import { commandAlgorithms, type ConsoleKeys, publicJwk, type PublicJwk } from "../../../contract/command.ts";
import type { Db, Tx } from "../../db.ts";
import { openKey, sealKey } from "../seal.ts";

export type KeyUse = "sig" | "enc";

/** Keys that agents are told, per use; the contract takes no more. */
const keysMax = 4;
const algorithmOf = { sig: commandAlgorithms.signature, enc: commandAlgorithms.keyManagement } as const;

/** The public halves, newest first; makes both keys when there are none. Calls at once agree on one pair. */
export async function consoleKeysOf(db: Db | Tx, organisationId: string): Promise<ConsoleKeys> {
  // One after the other: in a transaction both use one connection.
  const signing = await publicKeys(db, organisationId, "sig");
  return { signing, encryption: await publicKeys(db, organisationId, "enc") };
}

/** The key that signs now. */
export async function signingKey(db: Db | Tx, organisationId: string): Promise<{ kid: string; key: CryptoKey }> {
  await publicKeys(db, organisationId, "sig");
  const row = await db.consoleKey.findFirstOrThrow({ where: { organisationId, use: "sig", retiredAt: null }, orderBy: { createdAt: "desc" }, select: { kid: true, sealedKey: true } });
  return { kid: row.kid, key: await privateKey("sig", row.sealedKey) };
}

/** The private key for this key id; undefined when the organisation has none of it. A retired key still opens what was sealed to it before agents learnt the new one. */
export async function encryptionKey(db: Db | Tx, organisationId: string, kid: string): Promise<CryptoKey | undefined> {
  const row = await db.consoleKey.findFirst({ where: { organisationId, use: "enc", kid }, select: { sealedKey: true } });
  return row ? privateKey("enc", row.sealedKey) : undefined;
}

async function publicKeys(db: Db | Tx, organisationId: string, use: KeyUse): Promise<PublicJwk[]> {
  const found = await readPublicKeys(db, organisationId, use);
  if (found.length > 0) return found;
  await makeFirstKey(db, organisationId, use);
  return readPublicKeys(db, organisationId, use);
}

async function readPublicKeys(db: Db | Tx, organisationId: string, use: KeyUse): Promise<PublicJwk[]> {
  const rows = await db.consoleKey.findMany({ where: { organisationId, use, retiredAt: null }, orderBy: { createdAt: "desc" }, take: keysMax, select: { publicJwk: true } });
  return rows.map((row) => publicJwk.parse(row.publicJwk));
}

/** The row's id follows from organisation and use, so that of two makers the second waits for the first and then changes nothing. */
async function makeFirstKey(db: Db | Tx, organisationId: string, use: KeyUse): Promise<void> {
  const pair = await generateKeyPair(algorithmOf[use], { crv: "P-256", extractable: true });
  const open = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(open); // RFC 7638
  const data = { id: firstKeyId(organisationId, use), organisationId, use, kid, publicJwk: publicJwk.parse({ kty: open.kty, crv: open.crv, x: open.x, y: open.y, kid }), sealedKey: sealKey(JSON.stringify(await exportJWK(pair.privateKey)), sealPurpose(use)) };
  await db.consoleKey.createMany({ data: [data], skipDuplicates: true });
}

async function privateKey(use: KeyUse, sealed: Uint8Array): Promise<CryptoKey> {
  const key = await importJWK(JSON.parse(openKey(sealed, sealPurpose(use))) as JWK, algorithmOf[use]);
  if (key instanceof Uint8Array) throw new TypeError("a console key is no elliptic curve key");
  return key;
}

function sealPurpose(use: KeyUse): string {
  return `console-${use}`;
}

function firstKeyId(organisationId: string, use: KeyUse): string {
  const hex = createHash("sha256").update(`sallyport first console key ${use} ${organisationId}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
