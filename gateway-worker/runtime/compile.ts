/**
 * A snapshot made ready to serve: routes, policies, TLS material, limits. Pure: touches neither socket nor clock (STYLE, Shape).
 * Finds every problem at once, each with its path, so that a refused snapshot tells everything that is wrong with it (T37).
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SnapshotProblem } from "../../contract/control.ts";
import type { ListenerLimits, Snapshot, TunnelListener } from "../../contract/snapshot.ts";
import type { ListenerCertificatePem } from "../engine-messages.ts";
import { buildRouteTable } from "../routing/match.ts";
import type { RouteTable } from "../routing/match.ts";
import { buildPolicyTable } from "./policy.ts";
import type { PolicyTable } from "./policy.ts";
import { compileServices } from "./service-plan.ts";
import type { CompiledFront } from "./service-plan.ts";

export type CompiledListener = {
  listener: TunnelListener;
  chainPem: string;
  keyPem: string;
  /** SHA-256 of the leaf, lower-case hex. */
  fingerprint: string;
  /** Whether the leaf has this DNS name. */
  isNamed: (serverName: string) => boolean;
  limits: ListenerLimits;
};

export type Compiled = {
  snapshot: Snapshot;
  listeners: CompiledListener[];
  routes: RouteTable;
  policies: PolicyTable;
  anchorsPem: string[];
  /** Subjects of the trust anchors, as `X509Certificate.subject` writes them. */
  anchorNames: Set<string>;
  /** Where the virtual services listen. */
  fronts: CompiledFront[];
};

export type CompileResult = { kind: "compiled"; compiled: Compiled } | { kind: "refused"; problems: SnapshotProblem[] };

export function compile(snapshot: Snapshot, certificates: ListenerCertificatePem[]): CompileResult {
  const problems: SnapshotProblem[] = [];
  const report = (path: string, code: string, message: string): void => void problems.push({ path: path.slice(0, 200), code, message: message.slice(0, 500) });
  const anchorNames = readAnchors(snapshot.clientTrustAnchorsPem, report);
  const routes = buildRouteTable(snapshot.servers);
  checkAddresses(snapshot.listeners, report);
  checkServers(snapshot, report);
  const listeners = snapshot.listeners.map((listener, index) => compileListener(listener, `listeners[${index}]`, { certificates, routes, report }));
  const fronts = compileServices(snapshot, report);
  if (problems.length > 0) return { kind: "refused", problems: problems.slice(0, 200) };
  return {
    kind: "compiled",
    compiled: { snapshot, listeners: listeners.filter((listener) => listener !== undefined), routes, policies: buildPolicyTable(snapshot.policies), anchorsPem: snapshot.clientTrustAnchorsPem, anchorNames, fronts },
  };
}

type Report = (path: string, code: string, message: string) => void;

function readAnchors(anchorsPem: string[], report: Report): Set<string> {
  const names = new Set<string>();
  for (const [index, pem] of anchorsPem.entries()) {
    const path = `clientTrustAnchorsPem[${index}]`;
    const anchor = readCertificate(pem);
    if (!anchor) report(path, "anchor-unreadable", "the trust anchor is not one PEM certificate");
    else if (!anchor.ca) report(path, "anchor-not-ca", `the trust anchor ${anchor.subject.replaceAll("\n", ", ")} is no CA certificate`);
    else names.add(anchor.subject);
  }
  return names;
}

function checkAddresses(listeners: TunnelListener[], report: Report): void {
  const seen = new Map<string, number>();
  const ids = new Set<string>();
  for (const [index, listener] of listeners.entries()) {
    const key = `${listener.address} port ${listener.port}`;
    const other = seen.get(key);
    if (other !== undefined) report(`listeners[${index}].port`, "listener-duplicate", `${key} is already used by listeners[${other}]; choose another port`);
    if (ids.has(listener.id)) report(`listeners[${index}].id`, "listener-duplicate", `the listener id ${listener.id} appears twice`);
    ids.add(listener.id);
    seen.set(key, index);
  }
}

function checkServers(snapshot: Snapshot, report: Report): void {
  const owner = new Map<string, string>();
  for (const [index, server] of snapshot.servers.entries()) {
    for (const name of server.names) {
      for (const port of server.ports) {
        const key = `${name}:${port}`;
        const other = owner.get(key);
        if (other !== undefined && other !== server.id) report(`servers[${index}].names`, "server-duplicate", `${key} already means another server; a CONNECT to it would be ambiguous`);
        owner.set(key, server.id);
      }
    }
  }
}

function compileListener(listener: TunnelListener, path: string, given: { certificates: ListenerCertificatePem[]; routes: RouteTable; report: Report }): CompiledListener | undefined {
  const { report } = given;
  const { mode } = listener;
  if (mode.kind === "direct") {
    const server = given.routes.byId.get(mode.serverId);
    if (!server) report(`${path}.mode.serverId`, "direct-server-unknown", `the listener's server ${mode.serverId} is not assigned to this gateway`);
    else if (!server.ports.includes(mode.port)) report(`${path}.mode.port`, "direct-port-unknown", `port ${mode.port} is not a port of ${server.name}; its ports are ${server.ports.join(", ")}`);
  }
  const certificate = given.certificates.find((candidate) => candidate.listenerId === listener.id);
  if (!certificate) {
    report(`${path}.certificate`, "certificate-absent", `no certificate was prepared for listener ${listener.address} port ${listener.port}`);
    return undefined;
  }
  const leaf = readCertificate(certificate.chainPem);
  const problem = leaf ? keyProblem(leaf, certificate.keyPem) : "the listener's certificate is not PEM";
  if (!leaf || problem !== undefined) {
    report(`${path}.certificate`, "certificate-unusable", problem ?? "the listener's certificate is not PEM");
    return undefined;
  }
  return { listener, chainPem: certificate.chainPem, keyPem: certificate.keyPem, fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(), isNamed: (serverName) => leaf.checkHost(serverName, { subject: "never" }) !== undefined, limits: listener.limits };
}

function keyProblem(leaf: X509Certificate, keyPem: string): string | undefined {
  try {
    return leaf.checkPrivateKey(createPrivateKey(keyPem)) ? undefined : "the private key does not belong to the listener's certificate";
  } catch {
    // The cause could quote key material; the sentence is enough.
    return "the listener's private key cannot be read";
  }
}

/** The first certificate of a PEM text, or undefined. */
function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
