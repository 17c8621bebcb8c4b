/**
 * Reads certificate requests. Only the key is taken from one (T20); what else it asks for is returned so that the issuer can refuse a request that asks for
 * more than it will get. Size is bounded before anything is parsed, the kind of key decides which library reads it, node:crypto decides every signature (H8).
 */
import { createPublicKey, verify, webcrypto } from "node:crypto";
import forge from "node-forge";
import { judgeKey, publicKeySha256 } from "./keys.ts";
import { x509 } from "./x509.ts";

/** Longest request text, characters. RSA-4096 with a full subject needs about 1,800. */
export const csrCharactersMax = 10_000;

/** Why a request is not acceptable; the sentence is for the person who sent it. */
export class CsrError extends Error {}

export type Csr = {
  /** SubjectPublicKeyInfo, DER. */
  publicKeySpki: Uint8Array;
  keyType: string;
  publicKeySha256: string;
  /** What the request asks for besides its key; never copied into a certificate. */
  asks: { isCa: boolean; names: string[] };
};

const weakSignature = "The certificate request is signed with an algorithm that is not accepted; use SHA-256.";
const rsaKey = "1.2.840.113549.1.1.1";
const ecKey = "1.2.840.10045.2.1";
/** Signatures with SHA-256, SHA-384 and SHA-512; SHA-1 and MD5 are refused. */
const rsaHashes: Record<string, string> = { "1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512" };

/** Parses a PKCS#10 request in PEM and proves that its sender holds the key. Throws CsrError. */
export async function parseCsr(pem: string): Promise<Csr> {
  const der = csrDer(pem);
  const asn = readAsn1(der);
  const read = keyAlgorithm(asn) === rsaKey ? readRsa(asn) : await readEc(der, asn);
  if (!read.isProven) throw new CsrError("The certificate request's signature does not fit its key; make the request again with the key it is for.");
  return { publicKeySpki: read.spki, keyType: read.keyType, publicKeySha256: publicKeySha256(read.spki), asks: read.asks };
}

type Read = { spki: Uint8Array; keyType: string; isProven: boolean; asks: Csr["asks"] };

function csrDer(pem: string): Buffer {
  if (pem.length > csrCharactersMax) throw new CsrError(`The certificate request has ${pem.length} characters; at most ${csrCharactersMax} are read.`);
  const match = /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s([A-Za-z0-9+/=\s]+)-----END (NEW )?CERTIFICATE REQUEST-----\s*$/.exec(pem);
  if (!match?.[2]) throw new CsrError("This is not one certificate request in PEM; it starts with -----BEGIN CERTIFICATE REQUEST-----.");
  return Buffer.from(match[2], "base64");
}

function readAsn1(der: Buffer): forge.asn1.Asn1 {
  try {
    return forge.asn1.fromDer(forge.util.createBuffer(der.toString("binary")));
  } catch (cause) {
    throw new CsrError("The certificate request is damaged; make it again.", { cause });
  }
}

/** OID of the key's algorithm: CertificationRequest > CertificationRequestInfo > SubjectPublicKeyInfo > algorithm (RFC 2986 section 4.1). */
function keyAlgorithm(asn: forge.asn1.Asn1): string {
  const oid = child(child(child(child(asn, 0), 2), 0), 0);
  const name = typeof oid?.value === "string" && oid.type === forge.asn1.Type.OID ? forge.asn1.derToOid(oid.value) : "";
  if (name !== rsaKey && name !== ecKey) throw new CsrError("The certificate request has a kind of key that is not accepted; use ECDSA P-256, P-384 or RSA from 2048 bits.");
  return name;
}

function child(asn: forge.asn1.Asn1 | undefined, index: number): forge.asn1.Asn1 | undefined {
  return Array.isArray(asn?.value) ? asn.value[index] : undefined;
}

function readRsa(asn: forge.asn1.Asn1): Read {
  try {
    const info = child(asn, 0);
    const keyInfo = child(info, 2);
    const signatureOid = child(child(asn, 1), 0)?.value;
    const hash = typeof signatureOid === "string" ? rsaHashes[forge.asn1.derToOid(signatureOid)] : undefined;
    if (!info || !keyInfo) throw new CsrError("The certificate request is damaged; make it again.");
    const spki = bytesOf(keyInfo);
    const keyType = demandGoodKey(spki);
    if (!hash) throw new CsrError(weakSignature);
    const parsed = forge.pki.certificationRequestFromAsn1(asn);
    const signature = Buffer.from(String(parsed.signature), "binary");
    const isProven = verify(hash, bytesOf(info), createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }), signature);
    return { spki, keyType, isProven, asks: rsaAsks(parsed) };
  } catch (cause) {
    throw cause instanceof CsrError ? cause : new CsrError("The certificate request is damaged; make it again.", { cause });
  }
}

function bytesOf(asn: forge.asn1.Asn1): Uint8Array {
  return new Uint8Array(Buffer.from(forge.asn1.toDer(asn).getBytes(), "binary"));
}

type ForgeExtension = { name?: string; cA?: boolean; altNames?: { type: number; value: string; ip?: string }[] };

function rsaAsks(parsed: forge.pki.CertificateSigningRequest): Csr["asks"] {
  const attribute = parsed.getAttribute({ name: "extensionRequest" }) as { extensions?: ForgeExtension[] } | null;
  const extensions = attribute?.extensions ?? [];
  const names = extensions.flatMap((extension) => extension.altNames ?? []).map((name) => name.ip ?? name.value);
  return { isCa: extensions.some((extension) => extension.name === "basicConstraints" && extension.cA === true), names };
}

async function readEc(der: Buffer, asn: forge.asn1.Asn1): Promise<Read> {
  try {
    const keyInfo = child(child(asn, 0), 2);
    if (!keyInfo) throw new CsrError("The certificate request is damaged; make it again.");
    const keyType = demandGoodKey(bytesOf(keyInfo));
    const parsed = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
    const spki = new Uint8Array(parsed.publicKey.rawData);
    demandGoodKey(spki);
    if (!/^SHA-(256|384|512)$/.test(parsed.signatureAlgorithm.hash.name)) throw new CsrError(weakSignature);
    return { spki, keyType, isProven: await parsed.verify(webcrypto as Crypto), asks: ecAsks(parsed) };
  } catch (cause) {
    throw cause instanceof CsrError ? cause : new CsrError("The certificate request is damaged; make it again.", { cause });
  }
}

function ecAsks(parsed: x509.Pkcs10CertificateRequest): Csr["asks"] {
  const constraints = parsed.getExtension("2.5.29.19");
  const alternative = parsed.getExtension("2.5.29.17");
  const names = alternative ? new x509.SubjectAlternativeNameExtension(alternative.rawData).names.items.map((name) => name.value) : [];
  return { isCa: constraints !== null && new x509.BasicConstraintsExtension(constraints.rawData).ca, names };
}

function demandGoodKey(spki: Uint8Array): string {
  const verdict = judgeKey(spki);
  if (verdict.kind === "weak") throw new CsrError(`The certificate request is refused: ${verdict.reason}.`);
  return verdict.keyType;
}
