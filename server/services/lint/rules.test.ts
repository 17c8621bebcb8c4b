import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type Finding, type FindingCode, findingCodes } from "../../../contract/finding.ts";
import { healthCheck } from "../../../contract/health-check.ts";
import { poolFields } from "../../../contract/pool.ts";
import { serviceFields } from "../../../contract/virtual-service.ts";
import type { CertificateFacts, GatewayFacts, MemberFacts, PoolFacts, ServiceFacts, Surroundings } from "./facts.ts";
import { type ReachFacts, reachFindings } from "./reach-rules.ts";
import { type WayBackFacts, wayBackFindings } from "./way-back-rules.ts";
import { type RelayFact, type SiteFact } from "../relay/facts.ts";
import { relayFindings } from "../relay/findings.ts";
import type { SeenSession } from "../relay/sessions.ts";
import { findingsOfPool, findingsOfService } from "./service-rules.ts";

const now = new Date("2026-11-23T12:00:00Z");
const in90Days = new Date(now.getTime() + 90 * 86_400_000);
const pinA = "a".repeat(64);
const pinB = "b".repeat(64);
const anchor = "-----BEGIN CERTIFICATE-----";

const seen = (more: Partial<NonNullable<MemberFacts["certificate"]>> = {}): MemberFacts["certificate"] => ({ fingerprint: pinA, subject: "CN=keys.example.com", issuer: "CN=CA", names: ["keys.example.com"], notAfter: in90Days.toISOString(), chainLength: 2, chainProblem: null, ...more });
const member = (name: string, more: Partial<MemberFacts> = {}): MemberFacts => ({ id: null, name, host: `${name}.example.com`, port: 443, weight: 1, maxConnections: null, state: "enabled", health: "up", certificate: seen(), ...more });
const certificate = (more: Partial<CertificateFacts> = {}): CertificateFacts => ({ id: "c", name: "keys", subject: "CN=keys.example.com", issuer: "CN=CA", names: ["keys.example.com"], notAfter: in90Days, hasKey: true, lacksIssuer: false, ...more });
const pool = (more: Partial<PoolFacts> = {}): PoolFacts => ({ ...z.object(poolFields).parse({ name: "Keys servers", healthCheck: { kind: "tls" } }), id: "p", members: [member("pgp01"), member("pgp02")], ...more });
const gateway = (more: Partial<GatewayFacts> = {}): GatewayFacts => ({ id: "g", name: "gw-1", publicNames: ["gw.example.com"], publicPort: 8443, isBehindLoadBalancer: false, isEnrolled: true, softwareVersion: "0.1.0", listeners: [{ address: "10.0.0.5", port: 8443, acceptProxy: { kind: "off" } }], ...more });
const service = (more: Partial<ServiceFacts> = {}): ServiceFacts => ({ ...z.object(serviceFields).parse({ name: "Keys", stampName: "keys.example.com", serverNames: ["keys.example.com"] }), id: "s", gatewayIds: ["g"], certificates: [], pool: pool(), before: null, ...more });
const around = (more: Partial<Surroundings> = {}): Surroundings => ({ now, gateways: [gateway()], services: [], knownNames: [], ...more });
const reach = (more: Partial<ReachFacts> = {}): ReachFacts => ({ now, gateways: [gateway()], organisation: { id: "o", name: "Acme" }, misplaced: [], policies: [], uncovered: { count: 0, sample: [] }, bundles: [], proxies: [], agentVersions: [], consoleVersion: "0.1.0", certificates: [], ...more });

const offload: Partial<ServiceFacts> = { mode: "tls-offload", certificates: [certificate()] };
const reencrypt: Partial<ServiceFacts> = { mode: "tls-reencrypt", certificates: [certificate()] };
const verifying: ServiceFacts["memberTls"] = { verify: { kind: "anchors", anchorsPem: [anchor], name: null }, serverName: { kind: "client" } };
const source: ServiceFacts["persistence"] = { kind: "source-address", prefix4: 32, prefix6: 64, idleSeconds: 60 };
const cookie: Extract<ServiceFacts["persistence"], { kind: "cookie-insert" }> = { kind: "cookie-insert", cookieName: "sallyport", lifetimeSeconds: null, sameSite: "lax", endsWithCookie: null, exceptions: [] };
const required: ServiceFacts["acceptProxy"] = { kind: "required", sources: ["10.0.0.0/8"] };
const other = (more: Partial<ServiceFacts> = {}) => service({ id: "t", name: "Other", serverNames: ["other.example.com"], ...more });
const tunnelMember = pool({ members: [member("gw-1", { host: "gw.example.com", port: 8443 })] });
const weights = (...list: number[]) => list.map((weight, index) => member(`pgp0${index + 1}`, { weight }));
const entry = (more: Partial<ReachFacts["policies"][number]["gateways"][number]> = {}) => ({ gatewayId: "g", gateway: "gw-1", fqdn: "gw.example.com", port: 8443, pins: [pinA], presented: pinA, ...more });
const policy = (gateways: ReachFacts["policies"][number]["gateways"]) => ({ id: "y", name: "Outside", agents: 3, gateways });
const second = gateway({ id: "g2", name: "gw-2", publicNames: ["gw2.example.com"] });

const ofService = (more: Partial<ServiceFacts>, place: Partial<Surroundings> = {}) => findingsOfService(service(more), around(place));
const ofPool = (more: Partial<PoolFacts>) => findingsOfPool(pool(more));

const wayBack = (more: Partial<WayBackFacts> = {}) => wayBackFindings({ organisation: { id: "o", name: "Acme" }, relays: [], unchecked: { count: 0, sample: [] }, gateways: [{ id: "g", name: "gw-1", insideAddress: "10.0.0.5" }], rules: [], agentTotal: 10, rolesHeld: new Set(["owner"] as const), ...more });
const reachRule = (more: Partial<WayBackFacts["rules"][number]> = {}): WayBackFacts["rules"][number] => ({ id: "r", name: "Admins", roles: ["administrator"], approvalRoles: null, agents: 3, ...more });
const node = (more: Partial<SeenSession> = {}): SeenSession => ({ gateway: { id: "g", name: "gw-1" }, node: "n", state: "connected", fingerprint: pinA, isConfirmed: true, report: null, since: new Date(now.getTime() - 3_600_000), at: now, bytesPerSecond: 0, bytesUpPerSecond: 0, detail: null, ...more });
const relay = (more: Partial<RelayFact> = {}): RelayFact => ({ id: "relay", number: 1, name: "Zone A", relayKey: "k", state: "connected", direction: "relay-dials", site: null, address: null, agentAddress: null, behindRelayId: null, networks: [], listeningAgents: [], confirmed: [], gateways: [{ id: "g", name: "gw-1" }], sessions: [node()], agents: 0, note: "", version: 0, createdAt: now, updatedAt: now, ...more });
const ofRelays = (relays: RelayFact[], sites: SiteFact[] = []) => wayBack({ relays: relayFindings({ relays: new Map(relays.map((each) => [each.id, each])), sites }, now) });
const twins = (site: RelayFact["site"]) => [relay({ networks: ["10.0.0.0/24"], site }), relay({ id: "b", name: "Zone B", networks: ["10.0.0.0/16"], site: { id: "s2", name: "B" } })];

/** A situation for every code, and beside it one that looks like it and is right. */
const situations: Record<FindingCode, { found: () => Finding[]; right: () => Finding[]; severity: Finding["severity"] }> = {
  "name-not-covered": { severity: "warning", found: () => ofService({ ...offload, serverNames: ["keys.example.com", "mail.example.com"] }), right: () => ofService({ ...offload, serverNames: ["keys.example.com", "mail.example.com"], certificates: [certificate({ names: ["*.example.com"] })] }) },
  "member-name-not-covered": { severity: "warning", found: () => ofService({ pool: pool({ members: [member("pgp01"), member("pgp02", { certificate: seen({ names: ["pgp02.example.com"] }) })] }) }), right: () => ofService({ ...offload, pool: pool({ members: [member("pgp02", { certificate: seen({ names: ["pgp02.example.com"] }) })] }) }) },
  "member-certificate-unverifiable": { severity: "error", found: () => ofService({ ...reencrypt, memberTls: verifying, pool: pool({ members: [member("pgp01", { certificate: seen({ chainProblem: "it is self-signed" }) })] }) }), right: () => ofService({ ...reencrypt, memberTls: { ...verifying, verify: { kind: "pinned", fingerprints: [pinA] } }, pool: pool({ members: [member("pgp01", { certificate: seen({ chainProblem: "it is self-signed" }) })] }) }) },
  "member-verification-off": { severity: "warning", found: () => ofService({ ...reencrypt, memberTls: { verify: { kind: "off" }, serverName: { kind: "client" } } }), right: () => ofService({ ...offload, memberTls: { verify: { kind: "off" }, serverName: { kind: "client" } } }) },
  "intermediate-missing": { severity: "warning", found: () => ofService({ ...offload, certificates: [certificate({ lacksIssuer: true })] }), right: () => ofService(offload) },
  "certificate-expiring": { severity: "warning", found: () => ofService({ ...offload, certificates: [certificate({ notAfter: new Date(now.getTime() + 29 * 86_400_000) })] }), right: () => ofService({ ...offload, certificates: [certificate({ notAfter: new Date(now.getTime() + 31 * 86_400_000) })] }) },
  "certificate-expired": { severity: "error", found: () => ofService({ pool: pool({ members: [member("pgp01", { certificate: seen({ notAfter: now.toISOString() }) })] }) }), right: () => ofService({}) },
  "client-certificate-anchors-missing": { severity: "note", found: () => ofService({ ...offload, clientCertificate: { demand: "required", anchorsPem: [], forwards: false } }), right: () => ofService({ ...offload, clientCertificate: { demand: "required", anchorsPem: [anchor], forwards: false } }) },
  "service-name-changed": { severity: "warning", found: () => ofService({ stampName: "new.example.com", serverNames: ["new.example.com"], before: { stampName: "keys.example.com", serverNames: ["keys.example.com"], agents: 12 } }, { knownNames: [{ name: "keys.example.com", port: 443, agents: 12, bundles: 1 }] }), right: () => ofService({ serverNames: ["keys.example.com", "new.example.com"], before: { stampName: "keys.example.com", serverNames: ["keys.example.com"], agents: 12 } }) },
  "service-certificate-missing": { severity: "error", found: () => ofService({ mode: "tls-offload" }), right: () => ofService({}) },
  "stamp-name-is-member": { severity: "warning", found: () => ofService({ stampName: "pgp01.example.com", serverNames: [] }), right: () => ofService({}) },
  "stamp-name-missing": { severity: "note", found: () => ofService({ stampName: null, serverNames: ["*.example.com"] }), right: () => ofService({ stampName: null, mode: "tcp", serverNames: [] }) },
  "stamp-name-not-taken": { severity: "error", found: () => ofService({ serverNames: ["mail.example.com"] }), right: () => ofService({ serverNames: ["*.example.com"] }) },
  "round-robin-session-bound": { severity: "error", found: () => ofPool({ isSessionBound: true, scheduling: "round-robin" }), right: () => ofPool({ scheduling: "round-robin" }) },
  "session-bound-spread": { severity: "warning", found: () => ofPool({ isSessionBound: true, scheduling: "weighted-round-robin", members: weights(10, 5, 1) }), right: () => ofPool({ isSessionBound: true, scheduling: "weighted-round-robin", members: weights(1, 10, 1) }) },
  "persistence-missing": { severity: "warning", found: () => ofService({ pool: pool({ isSessionBound: true, scheduling: "least-connections" }) }), right: () => ofService({ persistence: source, pool: pool({ isSessionBound: true, scheduling: "least-connections" }) }) },
  "persistence-behind-shared-address": { severity: "warning", found: () => ofService({ persistence: source }, { gateways: [gateway({ isBehindLoadBalancer: true })] }), right: () => ofService({ persistence: source, acceptProxy: required }, { gateways: [gateway({ isBehindLoadBalancer: true })] }) },
  "second-set-cookie": { severity: "warning", found: () => ofService({ ...reencrypt, protocol: "http", persistence: cookie, pool: pool({ isSessionBound: true }) }), right: () => ofService({ ...reencrypt, protocol: "http", persistence: { ...cookie, exceptions: [{ name: "PGP", match: { pathPrefix: null, userAgentContains: "PGP", versionBelow: null }, use: "source-address", cookieName: null }] }, pool: pool({ isSessionBound: true }) }) },
  "weights-ignored": { severity: "note", found: () => ofPool({ members: weights(10, 1) }), right: () => ofPool({ scheduling: "weighted-round-robin", members: weights(10, 1) }) },
  "weight-all-zero": { severity: "error", found: () => ofPool({ members: weights(0, 0) }), right: () => ofPool({ members: weights(0, 1) }) },
  "pool-without-members": { severity: "error", found: () => ofPool({ members: [] }), right: () => ofPool({}) },
  "pool-single-member": { severity: "note", found: () => ofPool({ members: weights(1) }), right: () => ofPool({}) },
  "no-member-enabled": { severity: "error", found: () => ofPool({ members: [member("a", { state: "drain" }), member("b", { state: "disabled" })] }), right: () => ofPool({ members: [member("a", { state: "drain" }), member("b")] }) },
  "health-check-missing": { severity: "warning", found: () => ofPool({ healthCheck: { kind: "none" }, passiveCheck: null }), right: () => ofPool({}) },
  "smtp-check-stops-at-banner": { severity: "warning", found: () => ofPool({ healthCheck: healthCheck.parse({ kind: "smtp" }) }), right: () => ofPool({ healthCheck: healthCheck.parse({ kind: "smtp", nextHop: { host: "mta1.example.com" } }) }) },
  "check-weaker-than-service": { severity: "warning", found: () => ofService({ mode: "tcp", port: 587, pool: pool({ healthCheck: healthCheck.parse({ kind: "tcp" }) }) }), right: () => ofService({ mode: "tcp", port: 8000, pool: pool({ healthCheck: healthCheck.parse({ kind: "tcp" }) }) }) },
  "check-timeout-too-long": { severity: "warning", found: () => ofPool({ healthCheck: healthCheck.parse({ kind: "tcp", intervalMs: 3_000, timeoutMs: 3_000 }) }), right: () => ofPool({}) },
  "service-on-no-gateway": { severity: "warning", found: () => ofService({ gatewayIds: [] }), right: () => ofService({}) },
  "service-name-taken": { severity: "error", found: () => ofService({}, { services: [other({ serverNames: ["keys.example.com"] })] }), right: () => ofService({}, { services: [other({ serverNames: ["*.example.com"], takesUnknownNames: true })] }) },
  "listener-taken": { severity: "error", found: () => ofService({ port: 8443 }), right: () => ofService({ port: 8443, address: "10.0.0.6" }) },
  "member-is-own-listener": { severity: "error", found: () => ofService({ pool: pool({ members: [member("self", { host: "127.0.0.1" })] }) }), right: () => ofService({ pool: pool({ members: [member("self", { host: "127.0.0.1", port: 8080 })] }) }) },
  "decryption-before-tunnel": { severity: "error", found: () => ofService({ ...reencrypt, pool: tunnelMember }), right: () => ofService({ pool: tunnelMember }) },
  "proxy-header-not-sent": { severity: "error", found: () => ofService({ pool: tunnelMember }, { gateways: [gateway({ listeners: [{ address: "::", port: 8443, acceptProxy: required }] })] }), right: () => ofService({ pool: tunnelMember, sendProxy: "v2" }, { gateways: [gateway({ listeners: [{ address: "::", port: 8443, acceptProxy: required }] })] }) },
  "proxy-header-not-expected": { severity: "error", found: () => ofService({ pool: tunnelMember, sendProxy: "v2" }), right: () => ofService({ pool: tunnelMember }) },
  "proxy-header-both": { severity: "note", found: () => ofService({ ...reencrypt, protocol: "http", sendProxy: "v1" }), right: () => ofService({ ...reencrypt, protocol: "http", sendProxy: "v1", forwardedHeaders: "none" }) },
  "plain-http-service": { severity: "warning", found: () => ofService({ mode: "tcp", protocol: "http" }), right: () => ofService({ mode: "tcp" }) },
  "http-needs-decryption": { severity: "error", found: () => ofService({ protocol: "http" }), right: () => ofService({ ...offload, protocol: "http" }) },
  "persistence-needs-http": { severity: "error", found: () => ofService({ ...offload, persistence: cookie }), right: () => ofService({ ...offload, protocol: "http", persistence: cookie }) },
  "load-balancer-hides-client": { severity: "warning", found: () => reachFindings(reach({ gateways: [gateway({ isBehindLoadBalancer: true })] })), right: () => reachFindings(reach({ gateways: [gateway({ isBehindLoadBalancer: true, listeners: [{ address: "::", port: 443, acceptProxy: required }] })] })) },
  "management-server-in-internet-site": { severity: "error", found: () => reachFindings(reach({ misplaced: [{ server: { id: "v", name: "Management" }, site: "Outside" }] })), right: () => reachFindings(reach()) },
  "agent-outside-policies": { severity: "warning", found: () => reachFindings(reach({ uncovered: { count: 7, sample: ["a", "b", "c", "d", "e"] } })), right: () => reachFindings(reach()) },
  "pin-not-served": { severity: "error", found: () => reachFindings(reach({ policies: [policy([entry({ presented: pinB })])] })), right: () => reachFindings(reach({ policies: [policy([entry({ presented: null })])] })) },
  "agents-bound-to-one-name": { severity: "warning", found: () => reachFindings(reach({ gateways: [gateway(), second], policies: [policy([entry()])] })), right: () => reachFindings(reach({ gateways: [gateway(), second], policies: [policy([entry(), entry({ gatewayId: "g2", fqdn: "gw2.example.com" })])] })) },
  "certificate-proxy": { severity: "error", found: () => reachFindings(reach({ proxies: [{ gatewayId: "g", gateway: "gw-1", isBehindLoadBalancer: true, seen: pinB, own: pinA, agents: ["pc"], at: now.toISOString(), sentence: "A certificate proxy answers TLS in place of gateway gw-1.", cure: "Let TLS pass." }] })), right: () => reachFindings(reach()) },
  "gateway-version-unsupported": { severity: "warning", found: () => reachFindings(reach({ consoleVersion: "7.6.0", gateways: [gateway({ softwareVersion: "7.5.9" })] })), right: () => reachFindings(reach({ consoleVersion: "7.6.0", gateways: [gateway({ softwareVersion: "7.6.9" })] })) },
  "agent-version-unsupported": { severity: "warning", found: () => reachFindings(reach({ consoleVersion: "7.6.0", agentVersions: [{ version: "8.0.0", count: 2, sample: "pc" }] })), right: () => reachFindings(reach({ consoleVersion: "7.6.0", agentVersions: [{ version: "7.6.3", count: 2, sample: "pc" }] })) },
  "relay-networks-overlap": { severity: "error", found: () => ofRelays(twins(null)), right: () => ofRelays(twins({ id: "s1", name: "A" })) },
  "relay-unconfirmed": { severity: "warning", found: () => ofRelays([relay({ state: "answered", sessions: [node({ state: "waiting", isConfirmed: false })] })]), right: () => ofRelays([relay({ state: "answered", sessions: [node({ state: "waiting", since: now })] })]) },
  "relay-without-nodes": { severity: "warning", found: () => ofRelays([relay({ state: "away", sessions: [node({ node: null, state: "failed", detail: "connection refused" })] })]), right: () => ofRelays([relay({ state: "waiting", sessions: [] })]) },
  "relay-agent-unreachable": {
    severity: "warning",
    found: () => ofRelays([relay({ sessions: [node({ report: { relayId: "r", node: "n", state: "connected", fingerprint: null, source: "", relayPath: [], hostname: "", version: "", since: now.toISOString(), detail: null, connections: 0, opened: 0, refused: 0, bytesUp: 0, bytesDown: 0, unreachable: [{ host: "10.0.0.2", port: 2003, detail: "connection refused" }] } })] })]),
    right: () => ofRelays([relay()]),
  },
  "relay-validation-off": { severity: "warning", found: () => wayBack({ unchecked: { count: 1, sample: ["pc"] } }), right: () => wayBack() },
  "inside-listener-missing": { severity: "warning", found: () => wayBack({ rules: [reachRule()], gateways: [{ id: "g", name: "gw-1", insideAddress: null }] }), right: () => wayBack({ rules: [reachRule()] }) },
  "inside-listener-public": { severity: "error", found: () => wayBack({ gateways: [{ id: "g", name: "gw-1", insideAddress: "198.18.0.1" }, { id: "h", name: "gw-2", insideAddress: "8.8.8.8" }] }), right: () => wayBack({ gateways: [{ id: "g", name: "gw-1", insideAddress: "fd00::1" }] }) },
  "reach-rule-too-wide": { severity: "warning", found: () => wayBack({ rules: [reachRule({ roles: ["owner", "administrator", "operator", "auditor"], agents: 10 })] }), right: () => wayBack({ rules: [reachRule({ agents: 10, approvalRoles: ["owner"] })] }) },
  "reach-approval-impossible": { severity: "error", found: () => wayBack({ rules: [reachRule({ approvalRoles: ["administrator", "auditor"] })] }), right: () => wayBack({ rules: [reachRule({ approvalRoles: ["administrator", "owner"] })] }) },
};

/** What the rule comes from. */
const sources: Partial<Record<FindingCode, string>> = {
  "name-not-covered": "[S3-26] [S3-47] [S3-54]", "member-name-not-covered": "[S3-49] [S3-50]", "member-certificate-unverifiable": "[S3-56] [S3-57]", "member-verification-off": "[S2-19]", "service-name-changed": "[S3-22]", "stamp-name-is-member": "[S3-02] [S3-05] [S3-06]", "stamp-name-missing": "[S3-05] [S3-44]",
  "round-robin-session-bound": "[S3-60] [S3-63] [N7]", "session-bound-spread": "[S3-07] [S3-33]", "persistence-missing": "[S3-12] [S3-34]", "persistence-behind-shared-address": "[S3-41]", "second-set-cookie": "[S3-38] [S3-39]", "persistence-needs-http": "[S2-02]",
  "smtp-check-stops-at-banner": "[S3-17] [S3-19] [N6]", "check-weaker-than-service": "[S3-16]", "decryption-before-tunnel": "[S0-03] [S0-12]", "load-balancer-hides-client": "[S0-01]", "certificate-proxy": "[S0-03] [S0-09]", "agents-bound-to-one-name": "[S3-02]", "gateway-version-unsupported": "[S0-07]", "agent-version-unsupported": "[S0-07]", "plain-http-service": "[S0-02]",
};

describe("findings", () => {
  for (const code of findingCodes) it(`${code} is found where it hurts, with a sentence, a cure and its page, and not where it only looks so [S0-08] ${sources[code] ?? ""}`.trim(), () => {
    const { found, right, severity } = situations[code];
    const [finding] = found().filter((candidate) => candidate.code === code);
    expect(finding).toMatchObject({ severity, docs: `/docs/lint#${code}` });
    expect(finding?.sentence).toMatch(/^[A-Z"0-9].{20,}[.]$/);
    expect(finding?.cure).toMatch(/^[A-Z].{5,}[.]$/);
    expect(right().map((candidate) => candidate.code)).not.toContain(code);
  });

  it("finds nothing in a service that is as it should be", () => {
    expect(ofService({})).toEqual([]);
    expect(ofPool({})).toEqual([]);
    expect(reachFindings(reach({ policies: [policy([entry()])] }))).toEqual([]);
  });

  it("gathers bundles that are stamped with one gateway, and takes a name that several gateways share for several [S3-02] [S3-24]", () => {
    const bundles = Array.from({ length: 7 }, (_, index) => ({ id: `${index}`, name: `b${index}`, gateways: ["gw.example.com:8443"] }));
    const found = (gateways: GatewayFacts[]) => reachFindings(reach({ gateways, bundles })).filter((finding) => finding.code === "agents-bound-to-one-name");
    expect(found([gateway(), second])).toMatchObject([{ severity: "note", sentence: expect.stringContaining("7 bundles (b0, b1, b2, b3, b4 and 2 more)") }]);
    expect(found([gateway(), gateway({ id: "g2", name: "gw-2" })])).toEqual([]);
    expect(found([gateway()])).toEqual([]);
  });

  it("counts the agents and bundles that carry a name which goes away [S3-22]", () => {
    const finding = situations["service-name-changed"].found().find((candidate) => candidate.code === "service-name-changed");
    expect(finding?.sentence).toContain("12 enrolled agents and 1 bundle");
  });

  it("turns an expiry before the next health check into an error [S3-47]", () => {
    const soon = seen({ notAfter: new Date(now.getTime() + 40 * 60_000).toISOString() });
    const findings = ofService({ pool: pool({ healthCheck: healthCheck.parse({ kind: "tls", intervalMs: 3_600_000 }), members: [member("pgp01", { certificate: soon })] }) });
    expect(findings).toMatchObject([{ code: "certificate-expiring", severity: "error", field: "pool.members[0]" }]);
  });

  it("believes one member at maximum and the others at minimum, and no other spread of a session-bound pool [S3-13] [S3-69]", () => {
    const codes = (list: number[]) => ofPool({ isSessionBound: true, scheduling: "weighted-round-robin", members: weights(...list) }).map((finding) => finding.code);
    expect([[10, 1], [256, 1, 1], [10, 1, 0]].map(codes)).toEqual([[], [], []]);
    expect([[2, 1], [10, 10], [10, 2], [1, 1]].map(codes)).toEqual(Array.from({ length: 4 }, () => ["session-bound-spread"]));
  });

  it("predicts whether the re-encrypting gateway would accept a member: by chain, by the name it checks, by pin [S3-56] [S3-57] [S2-19]", () => {
    const problem = (memberTls: ServiceFacts["memberTls"], more: Partial<NonNullable<MemberFacts["certificate"]>> = {}) => ofService({ ...reencrypt, memberTls, pool: pool({ members: [member("pgp01", { certificate: seen(more) })] }) }).filter((finding) => finding.code === "member-certificate-unverifiable").map((finding) => finding.sentence);
    expect(problem(verifying)).toEqual([]);
    expect(problem(verifying, { chainProblem: "its chain ends at a CA that is not trusted here" })[0]).toContain("not trusted");
    expect(problem({ ...verifying, serverName: { kind: "member" } })[0]).toContain("does not cover pgp01.example.com");
    expect(problem({ verify: { kind: "anchors", anchorsPem: [], name: "keys.example.com" }, serverName: { kind: "member" } })).toEqual([]);
    expect(problem({ verify: { kind: "pinned", fingerprints: [pinB] }, serverName: { kind: "client" } })[0]).toContain("none of the pinned");
  });
});
