/** Key pairs and certificate requests of the gateway. Private keys are made here and never leave this machine. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from "node:crypto";
import { canonicalHost, isHostName } from "../../../contract/names.ts";
import { x509 } from "./x509.ts";

export type KeyType = "ec-p256" | "rsa-2048";

export const signing = {
  "ec-p256": { key: { name: "ECDSA", namedCurve: "P-256" }, sign: { name: "ECDSA", hash: "SHA-256" } },
  "rsa-2048": { key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, sign: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } },
} as const satisfies Record<KeyType, unknown>;

/** A new private key, PKCS#8 PEM. */
export function makeKey(type: KeyType): string {
  const { privateKey } = type === "ec-p256" ? generateKeyPairSync("ec", { namedCurve: "prime256v1" }) : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The key pair of a PEM text in the form the certificate library signs with. */
export async function importKeyPair(keyPem: string, type: KeyType): Promise<CryptoKeyPair> {
  const key = createPrivateKey(keyPem);
  const { subtle } = webcrypto;
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey("pkcs8", key.export({ type: "pkcs8", format: "der" }), signing[type].key, false, ["sign"]),
    subtle.importKey("spki", createPublicKey(key).export({ type: "spki", format: "der" }), signing[type].key, true, ["verify"]),
  ]);
  return { privateKey, publicKey } as CryptoKeyPair;
}

/** A PKCS#10 request that proves possession of the key; the console takes only the key from it (T20). */
export async function makeRequest(input: { keyPem: string; keyType: KeyType; commonName: string; names: string[] }): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [input.commonName.slice(0, 64)] }],
    keys: await importKeyPair(input.keyPem, input.keyType),
    signingAlgorithm: signing[input.keyType].sign,
    extensions: input.names.length > 0 ? [new x509.SubjectAlternativeNameExtension(generalNames(input.names))] : [],
  });
  return request.toString("pem");
}

/** DNS names and IP addresses as subject alternative names. IPv6 in the short form that certificate tools expect. */
export function generalNames(names: string[]): x509.JsonGeneralName[] {
  return names.map((name) => (isHostName(name) ? { type: "dns", value: name } : { type: "ip", value: canonicalHost(name) ?? name }));
}
