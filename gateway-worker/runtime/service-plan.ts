/**
 * The virtual services of a snapshot made ready to serve: certificates, pools and the addresses they share. Pure; finds every problem
 * at once, each with its path, so that a refused snapshot tells everything that is wrong with it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SnapshotPool } from "../../contract/pool.ts";
import { isCookiePersistence } from "../../contract/persistence.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import { endsTls } from "../../contract/virtual-service.ts";
import type { ProxyProtocolAccept, SnapshotService } from "../../contract/virtual-service.ts";
import { buildFronts, frontProblems } from "../routing/services.ts";
import type { Front as FrontTable } from "../routing/services.ts";

export type CompiledServiceCertificate = { chainPem: string; keyPem: string; leaf: X509Certificate };
export type CompiledService = {
  service: SnapshotService;
  pool: SnapshotPool;
  certificates: CompiledServiceCertificate[];
  /** What client certificates are verified against. */
  clientAnchorsPem: string[];
  /** Subjects of those, as `X509Certificate.subject` writes them. */
  clientAnchorNames: Set<string>;
};

/** An address and port that one service or several share. */
export type CompiledFront = {
  table: FrontTable;
  services: Map<string, CompiledService>;
  /** The same for all services of the front: the header comes before anything that tells them apart. */
  acceptProxy: ProxyProtocolAccept;
  /** Accept to finished opening, until the service is known: the longest of the services'. Milliseconds. */
  handshakeTimeoutMs: number;
  /** Where the snapshot has its first service, for problems. */
  path: string;
};

export type Report = (path: string, code: string, message: string) => void;

export function compileServices(snapshot: Snapshot, report: Report): CompiledFront[] {
  const pools = new Map(snapshot.pools.map((pool) => [pool.id, pool]));
  const ids = new Set<string>();
  const compiled = new Map<string, CompiledService>();
  for (const [index, service] of snapshot.virtualServices.entries()) {
    const path = `virtualServices[${index}]`;
    if (ids.has(service.id)) report(`${path}.id`, "service-duplicate", `the service id ${service.id} appears twice`);
    ids.add(service.id);
    const one = service.isEnabled ? compileService(service, path, { snapshot, pool: pools.get(service.poolId), report }) : undefined;
    if (one) compiled.set(service.id, one);
  }
  return compileFronts(snapshot, compiled, report);
}

type Given = { snapshot: Snapshot; pool: SnapshotPool | undefined; report: Report };

function compileService(service: SnapshotService, path: string, given: Given): CompiledService | undefined {
  const { report } = given;
  const say = (field: string, code: string, message: string): void => report(`${path}.${field}`, code, `service ${service.name}: ${message}`);
  if (service.mode === "tls-passthrough" && service.protocol === "http") say("protocol", "http-needs-decryption", "protocol HTTP needs a mode that can read the requests; pass-through cannot");
  if (isCookiePersistence(service.persistence.kind) && service.protocol !== "http") say("persistence", "persistence-needs-http", `persistence ${service.persistence.kind} needs protocol HTTP`);
  if (!given.pool) say("poolId", "pool-unknown", `its pool ${service.poolId} is not in the snapshot`);
  if (endsTls(service.mode) && service.certificates.length === 0) say("certificates", "service-certificate-missing", "it ends TLS and has no certificate");
  const certificates = endsTls(service.mode) ? service.certificates.map((certificate, index) => readPair(certificate, (code, message) => say(`certificates[${index}]`, code, message))) : [];
  const clientAnchorsPem = service.clientCertificate.anchorsPem.length > 0 ? service.clientCertificate.anchorsPem : given.snapshot.clientTrustAnchorsPem;
  const clientAnchorNames = readAnchors(service.clientCertificate.anchorsPem.length > 0 ? clientAnchorsPem : [], (index, message) => say(`clientCertificate.anchorsPem[${index}]`, "anchor-unreadable", message));
  const { verify } = service.memberTls;
  if (verify.kind === "anchors") readAnchors(verify.anchorsPem, (index, message) => say(`memberTls.verify.anchorsPem[${index}]`, "anchor-unreadable", message));
  if (!given.pool) return undefined;
  return { service, pool: given.pool, certificates: certificates.filter((certificate) => certificate !== undefined), clientAnchorsPem, clientAnchorNames };
}

function compileFronts(snapshot: Snapshot, compiled: Map<string, CompiledService>, report: Report): CompiledFront[] {
  for (const { index, field, code, message } of frontProblems(snapshot)) report(`virtualServices[${index}].${field}`, code, message);
  return [...buildFronts(snapshot.virtualServices).values()].flatMap((table) => {
    const [first] = table.services;
    if (!first) return [];
    return [{
      table,
      services: new Map(table.services.flatMap(({ id }) => compiled.get(id) ?? []).map((one) => [one.service.id, one])),
      acceptProxy: first.acceptProxy,
      handshakeTimeoutMs: Math.max(...table.services.map((service) => service.limits.handshakeTimeoutMs)),
      path: `virtualServices[${snapshot.virtualServices.indexOf(first)}]`,
    }];
  });
}

function readPair(certificate: { chainPem: string; keyPem: string }, say: (code: string, message: string) => void): CompiledServiceCertificate | undefined {
  const leaf = readCertificate(certificate.chainPem);
  if (!leaf) {
    say("certificate-unusable", "the certificate is not PEM");
    return undefined;
  }
  try {
    if (leaf.checkPrivateKey(createPrivateKey(certificate.keyPem))) return { chainPem: certificate.chainPem, keyPem: certificate.keyPem, leaf };
    say("certificate-unusable", "the private key does not belong to the certificate");
  } catch {
    // The cause could quote key material; the sentence is enough.
    say("certificate-unusable", "the private key cannot be read");
  }
  return undefined;
}

function readAnchors(anchorsPem: string[], say: (index: number, message: string) => void): Set<string> {
  const names = new Set<string>();
  for (const [index, pem] of anchorsPem.entries()) {
    const anchor = readCertificate(pem);
    if (anchor) names.add(anchor.subject);
    else say(index, "the trust anchor is not one PEM certificate");
  }
  return names;
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
