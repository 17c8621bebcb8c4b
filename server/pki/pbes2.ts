/**
 * PBES2 (RFC 8018 section 6.2) for node-forge, done by node:crypto: forge takes a password's characters for bytes, so that no password with an umlaut opens a file
 * that OpenSSL wrote, and it derives keys in JavaScript. Importing this module puts it in place; only the thread that reads imported files does.
 */
import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import forge from "node-forge";
import { derivationRoundsMax } from "./derivation-bounds.ts";

type Asn1 = forge.asn1.Asn1;
/** What node-forge asks of a cipher that it got from here. */
type ForgeCipher = { update(input: forge.util.ByteStringBuffer): void; finish(): boolean; output: forge.util.ByteStringBuffer };
type CipherSource = (oid: string, parameters: Asn1, password: string) => ForgeCipher;

const pbe = (forge.pki as unknown as { pbe: { getCipherForPBES2: CipherSource } }).pbe;

const pbkdf2 = "1.2.840.113549.1.5.12";
const hashes: Record<string, string> = { "1.2.840.113549.2.7": "sha1", "1.2.840.113549.2.9": "sha256", "1.2.840.113549.2.10": "sha384", "1.2.840.113549.2.11": "sha512" };
const ciphers: Record<string, { name: string; keyBytes: number }> = {
  "2.16.840.1.101.3.4.1.2": { name: "aes-128-cbc", keyBytes: 16 },
  "2.16.840.1.101.3.4.1.22": { name: "aes-192-cbc", keyBytes: 24 },
  "2.16.840.1.101.3.4.1.42": { name: "aes-256-cbc", keyBytes: 32 },
  "1.2.840.113549.3.7": { name: "des-ede3-cbc", keyBytes: 24 },
};

/** PBES2-params ::= SEQUENCE { keyDerivationFunc { OID, PBKDF2-params }, encryptionScheme { OID, iv } }. */
pbe.getCipherForPBES2 = (_oid, parameters, password) => {
  const [derivation, encryption] = childrenOf(parameters);
  const [derivationOid, derivationParameters] = childrenOf(derivation);
  const [encryptionOid, iv] = childrenOf(encryption);
  const cipher = ciphers[oidOf(encryptionOid)];
  if (oidOf(derivationOid) !== pbkdf2 || !cipher) throw new Error("unsupported password-based encryption");
  const [salt, rounds, ...rest] = childrenOf(derivationParameters);
  const prf = rest.find((part) => part.type === forge.asn1.Type.SEQUENCE);
  const hash = prf ? hashes[oidOf(childrenOf(prf)[0])] : "sha1"; // DEFAULT algid-hmacWithSHA1
  if (!hash) throw new Error("unsupported password-based encryption");
  const key = pbkdf2Sync(Buffer.from(password, "utf8"), bytesOf(salt), boundedRounds(rounds), cipher.keyBytes, hash);
  return decrypting(cipher.name, key, bytesOf(iv));
};

/** Native code cannot be interrupted, so the bound is held here too, whatever stands in the place of the count. */
function boundedRounds(node: Asn1 | undefined): number {
  const count = node?.type === forge.asn1.Type.INTEGER ? Number.parseInt(bytesOf(node).toString("hex"), 16) : Number.NaN;
  if (!(count >= 1 && count <= derivationRoundsMax)) throw new Error("unsupported count of key derivation rounds");
  return count;
}

function decrypting(name: string, key: Buffer, iv: Buffer): ForgeCipher {
  const decipher = createDecipheriv(name, key, iv);
  const output = forge.util.createBuffer();
  return {
    output,
    update: (input) => void output.putBytes(decipher.update(Buffer.from(input.getBytes(), "binary")).toString("binary")),
    finish: () => {
      try {
        output.putBytes(decipher.final().toString("binary"));
        return true;
      } catch {
        return false; // wrong padding: the password is another one
      }
    },
  };
}

function childrenOf(node: Asn1 | undefined): Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

function oidOf(node: Asn1 | undefined): string {
  return typeof node?.value === "string" && node.type === forge.asn1.Type.OID ? forge.asn1.derToOid(node.value) : "";
}

function bytesOf(node: Asn1 | undefined): Buffer {
  return Buffer.from(typeof node?.value === "string" ? node.value : "", "binary");
}
