/**
 * Judges the client certificate of one connection from what the handshake verified (S1-19, S0-20, T15, T21). The chain is the handshake's business; dates,
 * purpose, strength and identity are looked at again here, on resumed sessions too. Whether the identity is still current is the database's business.
 */
import type { TLSSocket } from "node:tls";
import type { X509Certificate } from "node:crypto";
import type { CertificateSummary } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { type Identity, identityFromSubjectAltName } from "../../contract/names.ts";

export type PeerVerdict =
  | { kind: "none" }
  | { kind: "refused"; code: RefusalCode; detail: string; certificate: CertificateSummary | null }
  | { kind: "verified"; identity: Identity; fingerprint: string; certificate: CertificateSummary };

const clientAuth = "1.3.6.1.5.5.7.3.2";
const rsaBitsMin = 2048;
const curves = new Set(["prime256v1", "P-256", "secp384r1", "P-384"]);

/** `socket` has finished its handshake with `rejectUnauthorized: false`. */
export function judgePeer(socket: TLSSocket, now: Date): PeerVerdict {
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return { kind: "none" };
  const certificate = summarise(leaf);
  const refuse = (code: RefusalCode, detail: string): PeerVerdict => ({ kind: "refused", code, detail, certificate });
  // Node's type says Error, the value is the verification code as text.
  if (!socket.authorized) return refuse(...classify(String(socket.authorizationError), leaf, now));
  if (now < new Date(leaf.validFrom)) return refuse("certificate-not-yet-valid", `valid from ${leaf.validFrom}`);
  if (now > new Date(leaf.validTo)) return refuse("certificate-expired", `expired ${leaf.validTo}`);
  if (leaf.ca) return refuse("certificate-purpose", "a CA certificate was presented as a client's");
  if (!(leaf.keyUsage ?? []).includes(clientAuth)) return refuse("certificate-purpose", "the extended key usage lacks clientAuth");
  const weakness = weaknessOf(leaf);
  if (weakness) return refuse("certificate-weak", weakness);
  const identity = identityFromSubjectAltName(leaf.subjectAltName);
  if (!identity) return refuse("certificate-identity", `subject alternative name: ${leaf.subjectAltName ?? "none"}`.slice(0, 300));
  return { kind: "verified", identity, fingerprint: certificate.fingerprint, certificate };
}

function weaknessOf(leaf: X509Certificate): string | undefined {
  const details = leaf.publicKey.asymmetricKeyDetails ?? {};
  if (leaf.publicKey.asymmetricKeyType === "rsa" && (details.modulusLength ?? 0) < rsaBitsMin) return `RSA key of ${details.modulusLength ?? 0} bits`;
  if (leaf.publicKey.asymmetricKeyType === "ec" && !curves.has(details.namedCurve ?? "")) return `curve ${details.namedCurve ?? "unknown"}`;
  return undefined;
}

/** Maps a verification code of the handshake (OpenSSL's X509_V_ERR_*, without the prefix) to ours. */
function classify(code: string, leaf: X509Certificate, now: Date): [RefusalCode, string] {
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return now > new Date(leaf.validTo) ? ["certificate-expired", `expired ${leaf.validTo}`] : ["certificate-invalid-chain", "an issuer's certificate has expired"];
    case "CERT_NOT_YET_VALID":
      return ["certificate-not-yet-valid", `valid from ${leaf.validFrom}`];
    case "INVALID_PURPOSE":
      return ["certificate-purpose", "the certificate is not meant for client authentication"];
    case "CERT_REVOKED":
      return ["agent-revoked", "listed as revoked"];
    case "EE_KEY_TOO_SMALL":
    case "CA_KEY_TOO_SMALL":
    case "CA_MD_TOO_WEAK":
      return ["certificate-weak", code];
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "CERT_UNTRUSTED":
    case "CERT_REJECTED":
    case "CERT_SIGNATURE_FAILURE":
      return ["certificate-untrusted", code];
    default:
      return ["certificate-invalid-chain", code];
  }
}

function summarise(leaf: X509Certificate): CertificateSummary {
  const line = (text: string) => text.replaceAll("\n", ", ").slice(0, 300);
  const uri = identityText(leaf.subjectAltName);
  return {
    subject: line(leaf.subject),
    issuer: line(leaf.issuer),
    serial: leaf.serialNumber.slice(0, 80),
    fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
    notBefore: new Date(leaf.validFrom).toISOString(),
    notAfter: new Date(leaf.validTo).toISOString(),
    identity: uri,
  };
}

function identityText(subjectAltName: string | undefined): string | null {
  const uri = (subjectAltName ?? "").split(/,\s*/).find((part) => part.startsWith("URI:"));
  return uri ? uri.slice(4, 304) : null;
}
