/**
 * Finds weak keys and signatures in a chain the handshake has accepted. It can only add refusals, never accept (threats.md H9):
 * BoringSSL verifies SHA-1 signatures and RSA-1024 keys without complaint (STACK section 0).
 */
import type { X509Certificate } from "node:crypto";

/** Signature algorithms that are strong on their own: ECDSA and RSA with SHA-2, Ed25519 (RFC 5758, RFC 8017, RFC 8410). */
const strongSignatures = new Set([
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.3.101.112",
]);
/** RSASSA-PSS names its hash in the parameters; without one it means SHA-1 (RFC 4055 section 3.1). */
const pss = "1.2.840.113549.1.1.10";
const sha2Prefix = Buffer.from("0609608648016503040201", "hex").subarray(0, 10);
const curves = new Set(["prime256v1", "secp384r1", "secp521r1", "P-256", "P-384", "P-521"]);
const rsaBitsMin = 2048;
/** Verifying with a larger key is work an unknown client would make us do (T16). */
const rsaBitsMax = 8192;

/** What is weak about the certificate, or undefined. `isAnchor`: its own signature does not matter. */
export function weakness(certificate: X509Certificate, isAnchor: boolean): string | undefined {
  return keyWeakness(certificate) ?? (isAnchor ? undefined : signatureWeakness(certificate.raw));
}

function keyWeakness(certificate: X509Certificate): string | undefined {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
    if (type === "ed25519") return undefined;
    if (type === "ec") return curves.has(details?.namedCurve ?? "") ? undefined : `its key is on the curve ${details?.namedCurve ?? "(explicit parameters)"}`;
    const bits = details?.modulusLength ?? 0;
    if (type !== "rsa" && type !== "rsa-pss") return `its key type ${String(type)} is not accepted`;
    return bits >= rsaBitsMin && bits <= rsaBitsMax ? undefined : `its RSA key has ${bits} bits; ${rsaBitsMin} to ${rsaBitsMax} are accepted`;
  } catch {
    return "its key cannot be read";
  }
}

function signatureWeakness(der: Buffer): string | undefined {
  const algorithm = signatureAlgorithm(der);
  if (algorithm === undefined) return "its signature algorithm cannot be read";
  if (strongSignatures.has(algorithm.oid)) return undefined;
  if (algorithm.oid === pss && algorithm.parameters.includes(sha2Prefix)) return undefined;
  return `it is signed with ${algorithm.oid === "1.2.840.113549.1.1.5" || algorithm.oid === "1.2.840.10045.4.1" ? "SHA-1" : `the algorithm ${algorithm.oid}`}`;
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, ... } (RFC 5280 section 4.1). */
function signatureAlgorithm(der: Buffer): { oid: string; parameters: Buffer } | undefined {
  const certificate = element(der, 0, 0x30);
  const tbs = certificate && element(der, certificate.start, 0x30);
  const algorithm = tbs && element(der, tbs.end, 0x30);
  const oid = algorithm && element(der, algorithm.start, 0x06);
  return oid && { oid: readOid(der.subarray(oid.start, oid.end)), parameters: der.subarray(oid.end, algorithm.end) };
}

/** Content range of the DER element at `at`, or undefined when it is not of this tag or runs over the end. */
function element(der: Buffer, at: number, tag: number): { start: number; end: number } | undefined {
  const first = der[at + 1];
  if (der[at] !== tag || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3 || at + 2 + lengthBytes > der.length) return undefined;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  const start = at + 2 + lengthBytes;
  return start + length <= der.length ? { start, end: start + length } : undefined;
}

function readOid(bytes: Buffer): string {
  const parts: number[] = [];
  let part = 0;
  for (const byte of bytes) {
    part = part * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (parts.length === 0) parts.push(Math.min(2, Math.floor(part / 40)), part - 40 * Math.min(2, Math.floor(part / 40)));
    else parts.push(part);
    part = 0;
  }
  return parts.join(".");
}
