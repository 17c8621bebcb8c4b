/** Key pairs: made with node:crypto off the event loop, judged by the same rules whoever made them. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

/** Kinds of key this console makes. What it accepts from others is wider: see `judgeKey`. */
export type KeyType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-3072" | "rsa-4096";
/** Private key as PKCS#8 PEM, public key as DER SubjectPublicKeyInfo. */
export type KeyPair = { keyPem: string; publicKey: Uint8Array; keyType: KeyType };

const generate = promisify(generateKeyPair);
const curveNames = { "ec-p256": "prime256v1", "ec-p384": "secp384r1" } as const;
/** Largest RSA modulus we do arithmetic with (T16): a verification with 16,384 bits costs 60 times one with 2,048. */
export const rsaBitsMax = 4096;

/** Makes a key pair in a thread of the pool; RSA takes 100 to 800 ms there without holding the event loop. */
export async function generateKey(keyType: KeyType = "ec-p256"): Promise<KeyPair> {
  const pair =
    keyType === "ec-p256" || keyType === "ec-p384"
      ? await generate("ec", { namedCurve: curveNames[keyType] })
      : await generate("rsa", { modulusLength: Number(keyType.slice(4)), publicExponent: 0x10001 });
  return { keyPem: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), publicKey: publicKeyDer(pair.publicKey), keyType };
}

/** The SubjectPublicKeyInfo (DER) that belongs to a private key in PEM. Throws on anything that is no private key. */
export function publicKeyOf(keyPem: string): Uint8Array {
  return publicKeyDer(createPublicKey(createPrivateKey(keyPem)));
}

function publicKeyDer(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: "spki", format: "der" }));
}

/** SHA-256 over the SubjectPublicKeyInfo (DER), lower-case hex: one name per key, whatever certificate carries it. */
export function publicKeySha256(spki: Uint8Array): string {
  return createHash("sha256").update(spki).digest("hex");
}

export type KeyVerdict = { kind: "good"; keyType: string } | { kind: "weak"; reason: string };

/**
 * Says whether a public key may carry an identity here: EC on P-256 or P-384, or RSA of 2048 to 4096 bits with an odd exponent from 65537 to 2^32 (T15, T20).
 * `spki` is DER and already bounded in size by the caller.
 */
export function judgeKey(spki: Uint8Array): KeyVerdict {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return { kind: "weak", reason: "its public key cannot be read; use ECDSA P-256, P-384 or RSA from 2048 bits" };
  }
  return judgeKeyObject(key);
}

/** The same for a key that node:crypto holds already. */
export function judgeKeyObject(key: KeyObject): KeyVerdict {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec") return judgeCurve(details.namedCurve);
  if (key.asymmetricKeyType === "rsa") return judgeRsa(details.modulusLength ?? 0, details.publicExponent ?? 0n);
  return { kind: "weak", reason: `its key is of the kind ${key.asymmetricKeyType ?? "unknown"}; use ECDSA P-256, P-384 or RSA from 2048 bits` };
}

function judgeCurve(curve: string | undefined): KeyVerdict {
  if (curve === "prime256v1") return { kind: "good", keyType: "ec-p256" };
  if (curve === "secp384r1") return { kind: "good", keyType: "ec-p384" };
  return { kind: "weak", reason: `its key is on the curve ${curve ?? "with parameters of its own"}; use P-256 or P-384` };
}

function judgeRsa(bits: number, exponent: bigint): KeyVerdict {
  if (bits < 2048) return { kind: "weak", reason: `its RSA key has ${bits} bits; use at least 2048` };
  if (bits > rsaBitsMax) return { kind: "weak", reason: `its RSA key has ${bits} bits; use at most ${rsaBitsMax}` };
  if (exponent < 65537n || exponent > 0xffffffffn || exponent % 2n === 0n) return { kind: "weak", reason: `its RSA exponent is ${exponent}; use 65537` };
  return { kind: "good", keyType: `rsa-${bits}` };
}
