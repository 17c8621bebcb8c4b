/**
 * What a check makes of a member's certificate: chain, name, days left. It judges as the leg to the member does (upstream/member-trust.ts),
 * and keeps what it saw for the planner even where nothing is verified (S3-48 to S3-57).
 */
import { X509Certificate } from "node:crypto";
import type tls from "node:tls";
import type { SeenCertificate } from "../../../contract/health-check.ts";
import { isHostName } from "../../../contract/names.ts";
import { weakness } from "../../stream/weak-chain.ts";
import { quoted } from "./failure-words.ts";

export type CertificateSettings = { verify: "anchors" | "off"; serverName: string | null; daysLeftMin: number };
export type Judgement = {
  seen: SeenCertificate;
  /** Why the check fails because of the certificate, continuing a sentence; undefined when it does not. */
  refusal: string | undefined;
};

const dayMs = 86_400_000;
const issuersMax = 12;

/** The name the certificate must carry: as configured, else the member's own; null when that is an address and nobody configured one. */
export function wantedName(settings: CertificateSettings, memberHost: string): string | null {
  return settings.serverName ?? (isHostName(memberHost) ? memberHost : null);
}

/** The name to send in the ClientHello; addresses are never sent (RFC 6066 section 3). */
export function serverNameFor(settings: CertificateSettings, memberHost: string): string | undefined {
  const name = wantedName(settings, memberHost);
  return name !== null && isHostName(name) ? name : undefined;
}

/** `now`: wall clock, milliseconds since 1970. Undefined when the peer presented no certificate. */
export function judgeCertificate(socket: tls.TLSSocket, given: { settings: CertificateSettings; memberHost: string; now: number }): Judgement | undefined {
  const leaf = socket.getPeerCertificate(true);
  if (!leaf?.raw) return undefined;
  const certificate = new X509Certificate(leaf.raw);
  const problem = chainProblem(socket, certificate, given.now) ?? nameProblem(certificate, wantedName(given.settings, given.memberHost)) ?? weakProblem(leaf);
  const { settings } = given;
  const refusal = (settings.verify === "off" ? undefined : problem) ?? daysProblem(certificate, settings, given.now);
  return { seen: seenCertificate(certificate, problem), refusal };
}

function seenCertificate(certificate: X509Certificate, problem: string | undefined): SeenCertificate {
  const names = [...(certificate.subjectAltName ?? "").matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].map((match) => (match[1] ?? "").slice(0, 253));
  return {
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: names.slice(0, 100),
    notAfter: dateOf(certificate.validTo),
    isVerified: problem === undefined,
    problem: problem === undefined ? null : problem.slice(0, 300),
  };
}

function chainProblem(socket: tls.TLSSocket, leaf: X509Certificate, now: number): string | undefined {
  if (socket.authorized) return undefined;
  const error: unknown = socket.authorizationError;
  const code = error instanceof Error ? ("code" in error && typeof error.code === "string" ? error.code : error.message) : String(error);
  if (code === "CERT_HAS_EXPIRED") return Date.parse(leaf.validTo) < now ? expiredWords(leaf, now) : "an issuer of its certificate has expired";
  if (code === "CERT_NOT_YET_VALID") return `its certificate, or an issuer of it, is not valid yet (it begins ${dateOf(leaf.validFrom)}); check the clocks`;
  if (code === "INVALID_PURPOSE") return "its certificate is not for servers (extended key usage)";
  if (/SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY|UNTRUSTED/.test(code)) {
    return leaf.issuer === leaf.subject ? `its certificate is self-signed and none of the check's anchors (${code})` : `its certificate was issued by ${oneLine(leaf.issuer)}, which leads to none of the check's anchors; it may not send an intermediate certificate (${code})`;
  }
  return `its certificate's chain was refused: ${code}`;
}

function nameProblem(certificate: X509Certificate, name: string | null): string | undefined {
  if (name === null) return undefined;
  // Subject alternative names only: a common name is no name of a server (RFC 9525 section 2).
  const isFitting = isHostName(name) ? certificate.checkHost(name, { subject: "never", partialWildcards: false }) !== undefined : certificate.checkIP(name) !== undefined;
  return isFitting ? undefined : `its certificate is not for ${name}; its names are ${quoted(certificate.subjectAltName ?? "none", 200)}`;
}

function weakProblem(leaf: tls.DetailedPeerCertificate): string | undefined {
  const seen = new Set<string>();
  for (let at: tls.DetailedPeerCertificate | undefined = leaf; at?.raw && seen.size < issuersMax && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    const certificate = new X509Certificate(at.raw);
    const found = weakness(certificate, seen.size > 1 && certificate.issuer === certificate.subject);
    if (found !== undefined) return `its certificate${seen.size === 1 ? "" : `'s issuer ${oneLine(certificate.subject)}`} is weak: ${found}`;
  }
  return undefined;
}

/** With verification off only a wish for days left looks at the date: any certificate passes otherwise. */
function daysProblem(certificate: X509Certificate, settings: CertificateSettings, now: number): string | undefined {
  if (settings.verify === "off" && settings.daysLeftMin === 0) return undefined;
  const leftMs = Date.parse(certificate.validTo) - now;
  if (leftMs < 0) return expiredWords(certificate, now);
  const days = Math.floor(leftMs / dayMs);
  return days < settings.daysLeftMin ? `its certificate expires on ${dateOf(certificate.validTo).slice(0, 10)}, in ${days} day${days === 1 ? "" : "s"}; the check wants at least ${settings.daysLeftMin}` : undefined;
}

function expiredWords(certificate: X509Certificate, now: number): string {
  const days = Math.floor((now - Date.parse(certificate.validTo)) / dayMs);
  return `its certificate expired on ${dateOf(certificate.validTo).slice(0, 10)}, ${days === 0 ? "less than a day" : `${days} day${days === 1 ? "" : "s"}`} ago`;
}

function dateOf(text: string): string {
  return new Date(text).toISOString();
}

function oneLine(text: string): string {
  return text.split("\n").join(", ").replace(/[^\u0020-\u007e]/g, "?").slice(0, 300);
}
