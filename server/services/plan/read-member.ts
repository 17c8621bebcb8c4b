/** Looks at the certificate that a member presents: one handshake that asks nothing, with the verdict of OpenSSL about the chain. */
import net from "node:net";
import tls from "node:tls";
import { X509Certificate } from "node:crypto";
import { factsOf } from "../../pki/certificate-facts.ts";
import { addressesOf, probeTimeoutMs } from "../probe/addresses.ts";
import { reasonOf } from "../probe/tls.ts";
import type { MemberCertificate } from "../lint/facts.ts";

export type MemberTarget = { host: string; port: number; /** SNI; null: the host when it is a name. */ serverName: string | null; /** PEM certificates to verify against. */ anchorsPem: readonly string[] };
export type MemberLook = { kind: "seen"; certificate: MemberCertificate } | { kind: "failed"; detail: string };

/** Longest chain that is counted. */
const chainMax = 10;

/** Tries the member's addresses in order, each at most 3 s. */
export async function readMember(target: MemberTarget): Promise<MemberLook> {
  const resolved = await addressesOf(target.host);
  if (resolved.kind === "failed") return resolved;
  let last: MemberLook = { kind: "failed", detail: `${target.host} has no address` };
  for (const address of resolved.addresses.slice(0, 2)) {
    last = await shake(address, target);
    if (last.kind === "seen") return last;
  }
  return last;
}

function shake(address: string, target: MemberTarget): Promise<MemberLook> {
  const serverName = target.serverName ?? target.host;
  return new Promise((resolve) => {
    const socket = tls.connect({ host: address, port: target.port, ...(net.isIP(serverName) ? {} : { servername: serverName }), secureContext: contextFor(target.anchorsPem), rejectUnauthorized: false, checkServerIdentity: () => undefined });
    const finish = (look: MemberLook) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(look);
    };
    const fail = (reason: string) => finish({ kind: "failed", detail: `${target.host} port ${target.port}: ${reason}` });
    const timer = setTimeout(() => fail(`no TLS handshake within ${probeTimeoutMs / 1000} s`), probeTimeoutMs);
    socket.on("error", (error) => fail(reasonOf(error)));
    socket.on("close", () => fail("the connection was closed before the TLS handshake ended"));
    socket.on("secureConnect", () => {
      const leaf = socket.getPeerX509Certificate();
      if (!leaf) return fail("it presented no certificate");
      const { fingerprint, subject, issuer, names, notAfter } = factsOf(leaf);
      const chainLength = sentLength(socket, target.anchorsPem);
      finish({ kind: "seen", certificate: { fingerprint, subject, issuer, names: names.slice(0, 100), notAfter: notAfter.toISOString(), chainLength, chainProblem: socket.authorized ? null : chainProblem(socket.authorizationError, chainLength) } });
    });
  });
}

const contexts = new WeakMap<readonly string[], tls.SecureContext>();
/** Reading a hundred and more roots takes tens of milliseconds: done once for all members that are looked at together. */
function contextFor(anchorsPem: readonly string[]): tls.SecureContext {
  const known = contexts.get(anchorsPem) ?? tls.createSecureContext({ ca: [...anchorsPem], minVersion: "TLSv1.2" });
  contexts.set(anchorsPem, known);
  return known;
}

/** Node appends issuers that it finds among the anchors to what was sent; those are not counted. */
function sentLength(socket: tls.TLSSocket, anchorsPem: readonly string[]): number {
  const ours = new Set(anchorsPem.map(fingerprint256));
  const seen = new Set<string>();
  // The type says that every certificate has an issuer; the last one of a chain that ends early has none.
  let current: Partial<tls.DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (current?.fingerprint256 !== undefined && seen.size < chainMax && !seen.has(current.fingerprint256)) {
    if (seen.size > 0 && ours.has(current.fingerprint256)) break;
    seen.add(current.fingerprint256);
    current = current.issuerCertificate;
  }
  return seen.size;
}

const fingerprints = new Map<string, string>();
function fingerprint256(pem: string): string {
  const known = fingerprints.get(pem);
  if (known !== undefined) return known;
  let read = "";
  try {
    read = new X509Certificate(pem).fingerprint256;
  } catch {
    // An anchor that cannot be read anchors nothing; the form says so where it is entered.
  }
  if (fingerprints.size > 2_000) fingerprints.clear();
  fingerprints.set(pem, read);
  return read;
}

/** OpenSSL's code in words that say what to do. */
function chainProblem(error: unknown, chainLength: number): string {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
  switch (code) {
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_GET_ISSUER_CERT":
      return chainLength < 2 ? "it sends no intermediate certificate, and its issuer is not among the trusted ones" : "its chain ends at a CA that is not trusted here";
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return "its chain ends at a root that is not trusted here";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return "it is self-signed";
    case "CERT_HAS_EXPIRED":
      return "it, or a certificate of its chain, has expired";
    case "CERT_NOT_YET_VALID":
      return "it, or a certificate of its chain, is not valid yet";
    case "INVALID_PURPOSE":
      return "it is not meant for servers (extended key usage)";
    default:
      return `it was not accepted (${code})`;
  }
}
