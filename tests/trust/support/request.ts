/** Certificate requests as an agent makes them. */
import { webcrypto } from "node:crypto";
import { x509 } from "../../../server/pki/x509.ts";

export type Keys = CryptoKeyPair;

export async function makeKeys(): Promise<Keys> {
  return (await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])) as CryptoKeyPair;
}

export async function makeRequest(keys?: Keys, asks: { isCa?: boolean; names?: { type: "dns" | "url" | "ip"; value: string }[] } = {}): Promise<string> {
  const extensions = [
    ...(asks.isCa ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
    ...(asks.names ? [new x509.SubjectAlternativeNameExtension(asks.names)] : []),
  ];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: "CN=agent", keys: keys ?? (await makeKeys()), signingAlgorithm: { name: "ECDSA", hash: "SHA-256" }, extensions });
  return request.toString("pem");
}
