/**
 * Whether a member's certificate is the one we mean to talk to (S2-19, S3-57). The chain is verified by the TLS handshake; the name,
 * the pin and weak algorithms are checked here, on both runtimes alike, before a byte of a client is written.
 */
import { X509Certificate } from "node:crypto";
import type tls from "node:tls";
import { isIpv4, parseIpv6 } from "../../contract/names.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import { weakness } from "../stream/weak-chain.ts";

type MemberTls = SnapshotService["memberTls"];

/** The SNI to send to the member, or undefined for none. Addresses are never sent (RFC 6066 section 3). */
export function memberServerName(settings: MemberTls, memberHost: string, clientServerName: string | null): string | undefined {
  const { serverName } = settings;
  if (serverName.kind === "none") return undefined;
  const name = serverName.kind === "client" ? clientServerName : serverName.kind === "member" ? memberHost : serverName.name;
  return name === null || isAddress(name) ? undefined : name;
}

/** Why the finished handshake is not accepted, in words; undefined when it is. */
export function memberProblem(socket: tls.TLSSocket, given: { settings: MemberTls; memberHost: string; serverName: string | undefined }): string | undefined {
  const { verify } = given.settings;
  if (verify.kind === "off") return undefined;
  const leaf = socket.getPeerCertificate(true);
  if (!leaf?.raw) return "the member presented no certificate";
  const certificate = new X509Certificate(leaf.raw);
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  // The handshake proved the key of exactly this leaf. Like every pin it says nothing about issuer, name or dates.
  if (verify.kind === "pinned") return verify.fingerprints.includes(fingerprint) ? undefined : `its SHA-256 fingerprint ${fingerprint} is none of the pinned ones`;
  if (!socket.authorized) return chainProblem(socket.authorizationError, certificate);
  const name = verify.name ?? given.serverName ?? given.memberHost;
  return nameProblem(certificate, name) ?? weakProblem(leaf);
}

function nameProblem(certificate: X509Certificate, name: string): string | undefined {
  const bare = name.replace(/\.$/, "");
  // Subject alternative names only: a common name is no name of a server (RFC 9525 section 2).
  const isFitting = isAddress(bare) ? certificate.checkIP(bare) !== undefined : certificate.checkHost(bare, { subject: "never", partialWildcards: false }) !== undefined;
  return isFitting ? undefined : `it is not for ${bare}; its names are ${namesOf(certificate)}`;
}

function weakProblem(leaf: tls.DetailedPeerCertificate): string | undefined {
  const seen = new Set<string>();
  for (let at: tls.DetailedPeerCertificate | undefined = leaf; at?.raw && seen.size < chainMax && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    const certificate = new X509Certificate(at.raw);
    const found = weakness(certificate, seen.size > 1 && certificate.issuer === certificate.subject);
    if (found !== undefined) return seen.size === 1 ? found : `its issuer ${oneLine(certificate.subject)}: ${found}`;
  }
  return undefined;
}
const chainMax = 12;

function chainProblem(error: unknown, leaf: X509Certificate): string {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
  const isSelfIssued = leaf.issuer === leaf.subject;
  if (code === "CERT_HAS_EXPIRED") return `it or one of its issuers has expired (the leaf ends ${leaf.validTo})`;
  if (code === "CERT_NOT_YET_VALID") return `it or one of its issuers is not valid yet (the leaf begins ${leaf.validFrom})`;
  if (code === "INVALID_PURPOSE") return "it is not for servers (extended key usage)";
  if (/SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY|UNTRUSTED/.test(code)) return isSelfIssued ? `it is self-signed and no anchor of the service (${code})` : `it was issued by ${oneLine(leaf.issuer)}, which leads to no anchor of the service; an intermediate may be missing (${code})`;
  return `its chain was refused: ${code}`;
}

function namesOf(certificate: X509Certificate): string {
  return oneLine((certificate.subjectAltName ?? "(none)").slice(0, 200));
}

function oneLine(text: string): string {
  return text.split("\n").join(", ").replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

function isAddress(name: string): boolean {
  return isIpv4(name) || parseIpv6(name) !== undefined;
}
