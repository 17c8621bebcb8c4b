/**
 * What is known of a client's certificate, worked out once per certificate and kept by fingerprint. Everything that may change
 * (dates against the clock, access, policy) is decided anew on each connection by verdict.ts.
 */
import { X509Certificate } from "node:crypto";
import type tls from "node:tls";
import type { CertificateSummary } from "../../contract/control.ts";
import type { Identity } from "../../contract/names.ts";
import { identityFromSubjectAltName } from "../../contract/names.ts";
import { weakness } from "./weak-chain.ts";

export type PeerCertificate = {
  fingerprint: string;
  identity: Identity | undefined;
  /** The latest start and earliest end over the whole chain, milliseconds since 1970. */
  validFromMs: number;
  validToMs: number;
  /** Extended key usage has clientAuth. */
  isForClients: boolean;
  isCa: boolean;
  /** What is weak in the chain, or undefined. */
  weak: string | undefined;
  /** Certificates the client sent, without a trust anchor it may have repeated. */
  chainLength: number;
  /** Distinguished names for telling "foreign CA" from "intermediate left out". */
  issuer: string;
  isSelfIssued: boolean;
  /** An issuer in the chain that is no CA. */
  hasNonCaIssuer: boolean;
  summary: CertificateSummary;
  /** The leaf's DER. */
  der: Buffer;
};

/** Entries kept; an agent's certificate takes about 2 kB. */
const cacheMax = 10_000;
/** Longer chains are not walked; the handshake has its own limit of 100 kB (T16). */
const chainMax = 12;

const clientAuth = "1.3.6.1.5.5.7.3.2";

type Peer = tls.DetailedPeerCertificate;

export class PeerCertificates {
  readonly #known = new Map<string, PeerCertificate>();

  /** The peer's certificate, or undefined when it sent none. `isTrusted`: the handshake verified the chain; only then it is kept. */
  of(socket: tls.TLSSocket, isTrusted: boolean): PeerCertificate | undefined {
    const leaf = socket.getPeerCertificate(false);
    if (!leaf || !leaf.raw) return undefined;
    const fingerprint = leaf.fingerprint256.replaceAll(":", "").toLowerCase();
    const known = isTrusted ? this.#known.get(fingerprint) : undefined;
    if (known) return known;
    const read = readPeerCertificate(fingerprint, socket.getPeerCertificate(true));
    if (isTrusted) this.#keep(read);
    return read;
  }

  /** The trust anchors changed: chains may now end elsewhere. */
  clear(): void {
    this.#known.clear();
  }

  #keep(certificate: PeerCertificate): void {
    if (this.#known.size >= cacheMax) {
      // Maps iterate in the order of insertion: the oldest goes.
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.set(certificate.fingerprint, certificate);
  }
}

function readPeerCertificate(fingerprint: string, leaf: Peer): PeerCertificate {
  const chain = walk(leaf);
  // `leaf` has raw bytes, so the walk found at least it.
  const first = chain[0] as X509Certificate;
  const identity = identityFromSubjectAltName(first.subjectAltName);
  const issuers = chain.slice(1);
  return {
    fingerprint,
    identity,
    validFromMs: Math.max(...chain.map((certificate) => Date.parse(certificate.validFrom))),
    validToMs: Math.min(...chain.map((certificate) => Date.parse(certificate.validTo))),
    isForClients: extendedKeyUsage(leaf).includes(clientAuth),
    isCa: first.ca,
    weak: chainWeakness(chain),
    chainLength: chain.length,
    issuer: first.issuer,
    isSelfIssued: first.issuer === first.subject,
    hasNonCaIssuer: issuers.some((issuer) => !issuer.ca),
    summary: summarise(fingerprint, first),
    der: first.raw,
  };
}

/** Leaf and issuers as the runtime linked them, each once (a root is its own issuer; hostile chains may be cyclic). */
function walk(leaf: Peer): X509Certificate[] {
  const seen = new Set<string>();
  const chain: X509Certificate[] = [];
  for (let at: Peer | undefined = leaf; at?.raw && chain.length < chainMax && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    chain.push(new X509Certificate(at.raw));
  }
  return chain;
}

function chainWeakness(chain: X509Certificate[]): string | undefined {
  for (const [depth, certificate] of chain.entries()) {
    const found = weakness(certificate, depth > 0 && certificate.issuer === certificate.subject);
    if (found !== undefined) return depth === 0 ? `the client's certificate: ${found}` : `the issuer ${oneLine(certificate.subject)}: ${found}`;
  }
  return undefined;
}

/** Both runtimes give the OIDs of the extended key usage here; types of Node 24 lack it. */
function extendedKeyUsage(leaf: Peer): string[] {
  return (leaf as Peer & { ext_key_usage?: string[] }).ext_key_usage ?? [];
}

function summarise(fingerprint: string, certificate: X509Certificate): CertificateSummary {
  const uri = /URI:([^,\s"]+)/.exec(certificate.subjectAltName ?? "")?.[1];
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.slice(0, 80),
    fingerprint,
    notBefore: isoDate(certificate.validFrom),
    notAfter: isoDate(certificate.validTo),
    identity: uri === undefined ? null : uri.slice(0, 300),
  };
}

function oneLine(name: string): string {
  return (name ?? "").split("\n").join(", ").replace(/[^\x20-\x7e]/g, "?").slice(0, 300);
}

function isoDate(text: string): string {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text.slice(0, 40) : new Date(ms).toISOString();
}
