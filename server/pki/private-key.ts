/** Reads the private key of an import: one key, in PEM, encrypted or not. Blocks while it derives a key from the password; run it in a worker. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import forge from "node-forge";
import { derivationRounds, derivationRoundsMax } from "./derivation-bounds.ts";
import { ImportProblem } from "./import-result.ts";

const keyBlock = /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----[\s\S]{1,40000}?-----END \1-----/g;

/** The private key blocks of a PEM text. */
export function keyBlocks(pem: string): string[] {
  return pem.match(keyBlock) ?? [];
}

/** Throws ImportProblem when the password is missing or wrong, when it asks for too much work, or when it is no key. */
export function readPrivateKey(block: string, password: string | undefined): KeyObject {
  const isEncrypted = block.includes("BEGIN ENCRYPTED PRIVATE KEY") || /Proc-Type: 4,ENCRYPTED/.test(block);
  if (isEncrypted && !password) throw new ImportProblem("certificate-password", "password", "The private key is encrypted and needs its password.");
  if (block.includes("BEGIN ENCRYPTED PRIVATE KEY")) demandLittleWork(block);
  try {
    return createPrivateKey(isEncrypted ? { key: block, passphrase: password ?? "" } : block);
  } catch (cause) {
    if (isEncrypted) throw new ImportProblem("certificate-password", "password", "The password does not open the private key.", cause);
    throw new ImportProblem("certificate-unreadable", "keyPem", "The private key is damaged; copy the whole block, from BEGIN to END.", cause);
  }
}

function demandLittleWork(block: string): void {
  const body = block.replace(/-----[^-]+-----/g, "");
  let rounds: number;
  try {
    rounds = derivationRounds(forge.asn1.fromDer(Buffer.from(body, "base64").toString("binary"), false));
  } catch (cause) {
    throw new ImportProblem("certificate-unreadable", "keyPem", "The private key is damaged; copy the whole block, from BEGIN to END.", cause);
  }
  if (rounds > derivationRoundsMax) throw new ImportProblem("certificate-not-usable", "keyPem", `The private key asks for ${Number.isFinite(rounds) ? rounds : "an absurd number of"} rounds of key derivation; at most ${derivationRoundsMax} are done. Encrypt it again with the default settings.`);
}
