/** Certificates in PEM texts: splitting, fingerprints, and the few checks the agent makes of what it was given. */
import { createHash, X509Certificate } from "node:crypto";

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text in order, at most 20. Throws when one cannot be read. */
export function certificatesOf(pem: string): X509Certificate[] {
  return (pem.match(block) ?? []).slice(0, 20).map((text) => new X509Certificate(text));
}

/** The same as PEM texts, one certificate each: a list is read alike by every runtime (H3). */
export function pemList(pem: string): string[] {
  return (pem.match(block) ?? []).slice(0, 20).map((text) => `${text}\n`);
}

/** SHA-256 of the DER, lower-case hex. */
export function fingerprintOf(certificate: X509Certificate | Uint8Array): string {
  return createHash("sha256").update(certificate instanceof X509Certificate ? certificate.raw : certificate).digest("hex");
}

/** A sanity check of what we were given over a verified connection; whether anybody else believes it is decided in their handshakes. */
export function chainsTo(leaf: X509Certificate, others: readonly X509Certificate[], rootFingerprint: string): boolean {
  let current = leaf;
  for (let depth = 0; depth < 5; depth += 1) {
    const issuer = others.find((candidate) => candidate.ca && current.checkIssued(candidate) && current.verify(candidate.publicKey));
    if (!issuer) return false;
    if (fingerprintOf(issuer) === rootFingerprint) return true;
    current = issuer;
  }
  return false;
}
