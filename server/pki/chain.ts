/** Certificate chains in PEM: taken apart, put in order leaf first, and judged with node:crypto (H8: node-forge never decides trust). */
import { X509Certificate } from "node:crypto";

/** Most certificates we look at in one chain (T16). */
export const chainCertificatesMax = 10;

const pemBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in the order written. Throws when one cannot be read or there are too many. */
export function splitPem(pem: string): X509Certificate[] {
  const blocks = pem.match(pemBlock) ?? [];
  if (blocks.length > chainCertificatesMax) throw new Error(`the chain has ${blocks.length} certificates; at most ${chainCertificatesMax} are read`);
  return blocks.map((block) => new X509Certificate(block));
}

/** PEM of certificates one after the other, each ending in a line break. */
export function joinPem(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString().trim() + "\n").join("");
}

/** True when `issuer`'s name, key identifier and key fit: it issued `certificate`. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** True for a certificate signed with its own key. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}

/**
 * Orders what was found around `leaf`: each certificate followed by the one that issued it, until a self-signed one or until nobody in `others` fits.
 * `isComplete` tells that the last one is self-signed.
 */
export function orderChain(leaf: X509Certificate, others: readonly X509Certificate[]): { chain: X509Certificate[]; isComplete: boolean } {
  const chain = [leaf];
  const left = new Set(others.filter((other) => other.fingerprint256 !== leaf.fingerprint256));
  for (let current = leaf; !isSelfSigned(current); ) {
    const issuer = [...left].find((candidate) => isIssuedBy(current, candidate));
    if (!issuer) return { chain, isComplete: false };
    left.delete(issuer);
    chain.push(issuer);
    current = issuer;
  }
  return { chain, isComplete: true };
}

/** A chain that fits from first to last, every certificate valid at `now`, ending in `root`. */
export function leadsTo(chain: readonly X509Certificate[], root: X509Certificate, now: Date): boolean {
  const whole = [...chain.filter((certificate) => certificate.fingerprint256 !== root.fingerprint256), root];
  const inTime = whole.every((certificate) => new Date(certificate.validFrom) <= now && now <= new Date(certificate.validTo));
  return inTime && whole.every((certificate, index) => index === whole.length - 1 || isIssuedBy(certificate, whole[index + 1] ?? certificate));
}
