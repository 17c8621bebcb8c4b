/** Reads a certificate into the facts that the console stores and shows. Reading is not trusting: chains are decided by chain.ts and by handshakes. */
import { X509Certificate } from "node:crypto";
import { canonicalHost } from "../../contract/names.ts";
import { normaliseHex } from "../../contract/fingerprint.ts";
import { judgeKeyObject, publicKeySha256 } from "./keys.ts";

export type CertificateFacts = {
  subject: string;
  issuer: string;
  /** Hex, lower-case. */
  serial: string;
  /** Host names, IP literals and URIs of the subject alternative name. */
  names: string[];
  /** `ec-p256`, `rsa-2048`, or what it is called otherwise. */
  keyType: string;
  /** Why the key is too weak to serve; null when it is not. */
  weakness: string | null;
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
  thumbprintSha1: string;
  publicKeySha256: string;
  notBefore: Date;
  notAfter: Date;
  isCa: boolean;
};

/** Largest certificate we read, bytes of DER (T16). */
export const certificateBytesMax = 16_384;

/** Facts of one certificate (PEM or DER). Throws when it is none or larger than the bound. */
export function readCertificate(source: string | Uint8Array): CertificateFacts {
  if (source.length > certificateBytesMax * 1.5) throw new Error(`the certificate has more than ${certificateBytesMax} bytes`);
  return factsOf(new X509Certificate(typeof source === "string" ? source : Buffer.from(source)));
}

/** The same for a certificate that is parsed already. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  const verdict = judgeKeyObject(certificate.publicKey);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    names: alternativeNames(certificate.subjectAltName),
    keyType: verdict.kind === "good" ? verdict.keyType : (certificate.publicKey.asymmetricKeyType ?? "unknown"),
    weakness: verdict.kind === "good" ? null : verdict.reason,
    fingerprint: normaliseHex(certificate.fingerprint256),
    thumbprintSha1: normaliseHex(certificate.fingerprint),
    publicKeySha256: publicKeySha256(new Uint8Array(certificate.publicKey.export({ type: "spki", format: "der" }))),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    isCa: certificate.ca,
  };
}

/** node:crypto writes one attribute a line; people read `CN=a, O=b`. */
function oneLine(name: string | undefined): string {
  return (name ?? "").split("\n").filter(Boolean).join(", ").slice(0, 300);
}

function alternativeNames(text: string | undefined): string[] {
  return (text ?? "").split(/,\s*/).flatMap((part) => {
    const [, kind, value] = /^(DNS|IP Address|URI):(.*)$/.exec(part) ?? [];
    if (kind === undefined || value === undefined) return [];
    return [kind === "IP Address" ? (canonicalHost(value) ?? value) : value.replace(/^"(.*)"$/, "$1")];
  });
}
