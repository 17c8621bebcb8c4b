/**
 * A virtual service: what clients connect to, one object with one switch for its mode (S2-13 to S2-15). Times in milliseconds.
 * Several services share an address and port when their server names tell them apart; a `tcp` service has its port alone.
 */
import { z } from "zod";
import { fingerprint } from "./fingerprint.ts";
import { cidr, displayName, fqdn, host, hostName, ipAddress, isHostName, port } from "./names.ts";
import { persistence } from "./persistence.ts";

/** Synonyms for people: off-load = SSL acceleration; re-encrypt = reverse SSL = SSL bridging (S2-16). */
export const serviceModes = ["tcp", "tls-passthrough", "tls-offload", "tls-reencrypt"] as const;
export const serviceMode = z.enum(serviceModes);
export type ServiceMode = z.infer<typeof serviceMode>;
export const serviceProtocol = z.enum(["tcp", "http"]);
export type ServiceProtocol = z.infer<typeof serviceProtocol>;
/** The gateway ends the client's TLS in these modes and needs a certificate. */
export function endsTls(mode: ServiceMode): boolean {
  return mode === "tls-offload" || mode === "tls-reencrypt";
}

/** A server name (SNI) that a service takes: exact, or `*.example.com` for one label more. */
export const serverNamePattern = z.string().trim().max(253).transform((text) => text.toLowerCase().replace(/\.$/, "")).refine((text) => isHostName(text.startsWith("*.") ? text.slice(2) : text), { error: (issue) => `"${String(issue.input)}" is not a server name; write mail.example.com or *.example.com` });

/** Where PROXY protocol headers are believed; from anyone else a header is refused, and so is its absence from a listed source (T26). */
export const proxyProtocolAccept = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("off") }),
  z.strictObject({ kind: z.literal("required"), sources: z.array(cidr).min(1).max(100) }),
]);
export type ProxyProtocolAccept = z.infer<typeof proxyProtocolAccept>;

export const clientCertificateSetting = z.strictObject({
  demand: z.enum(["none", "optional", "required"]).default("none"),
  /** CAs that client certificates are verified against; empty: the organisation's CA. */
  anchorsPem: z.array(z.string().min(1).max(20_000)).max(20).default([]),
  /** HTTP only: Client-Cert field of RFC 9440 to members. Copies that clients send are stripped always (T27). */
  forwards: z.boolean().default(false),
});

/** The leg to a member in mode tls-reencrypt; verified by default (S2-19). */
export const memberTls = z.strictObject({
  verify: z.discriminatedUnion("kind", [
    /** Chain to one of these (empty: the organisation's CA and the system's), and the name: null is the name sent as SNI, or the member's host. */
    z.strictObject({ kind: z.literal("anchors"), anchorsPem: z.array(z.string().min(1).max(20_000)).max(20).default([]), name: host.nullable().default(null) }),
    /** One of these leaves, whoever issued it (S3-57). */
    z.strictObject({ kind: z.literal("pinned"), fingerprints: z.array(fingerprint).min(1).max(50) }),
    z.strictObject({ kind: z.literal("off") }),
  ]).default({ kind: "anchors", anchorsPem: [], name: null }),
  /** SNI to the member: what the client sent, the member's host, a fixed name, or none. */
  serverName: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("client") }), z.strictObject({ kind: z.literal("member") }), z.strictObject({ kind: z.literal("fixed"), name: hostName }), z.strictObject({ kind: z.literal("none") })]).default({ kind: "client" }),
});

export const serviceLimits = z.strictObject({
  /** Accept to finished ClientHello, PROXY header and TLS handshake. */
  handshakeTimeoutMs: z.number().int().min(500).max(10_000).default(8_000),
  connectTimeoutMs: z.number().int().min(100).max(30_000).default(5_000),
  idleTimeoutMs: z.number().int().min(1_000).max(86_400_000).default(900_000),
  closingTimeoutMs: z.number().int().min(100).max(600_000).default(60_000),
  /** HTTP: whole request head. */
  headTimeoutMs: z.number().int().min(500).max(60_000).default(10_000),
  /** HTTP: longest silence inside a request body. */
  bodyTimeoutMs: z.number().int().min(500).max(600_000).default(30_000),
  /** HTTP: member's response head after the request is sent. */
  responseTimeoutMs: z.number().int().min(500).max(3_600_000).default(120_000),
  /** HTTP: largest request body in bytes; null: no limit. */
  bodyBytesMax: z.number().int().min(0).max(1_000_000_000_000).nullable().default(null),
  connectionsMax: z.number().int().min(1).max(1_000_000).default(50_000),
});
export type ServiceLimits = z.infer<typeof serviceLimits>;

/** What people set. `gatewayIds`, `poolId` and `certificateIds` come beside it on the console; the snapshot carries the resolved things. */
export const serviceFields = {
  name: displayName,
  isEnabled: z.boolean().default(true),
  address: ipAddress.default("::"),
  port: port.default(443),
  /** Server names taken; empty: every name. */
  serverNames: z.array(serverNamePattern).max(100).refine((list) => new Set(list).size === list.length, { error: "each name may appear once" }).default([]),
  /** Clients that send no server name come here. At most one service of a port. */
  takesNoName: z.boolean().default(false),
  /** Clients that ask for a name no service of the port lists come here. At most one service of a port; false everywhere: refused. */
  takesUnknownNames: z.boolean().default(false),
  mode: serviceMode.default("tls-passthrough"),
  protocol: serviceProtocol.default("tcp"),
  /** The name that clients are built with (the stamp, S3-44, S3-45); choose it before enrolling them. */
  stampName: fqdn.nullable().default(null),
  persistence: persistence.default({ kind: "none" }),
  clientCertificate: clientCertificateSetting.default({ demand: "none", anchorsPem: [], forwards: false }),
  memberTls: memberTls.default({ verify: { kind: "anchors", anchorsPem: [], name: null }, serverName: { kind: "client" } }),
  /** HTTP: Host field to the member. */
  memberHost: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("client") }), z.strictObject({ kind: z.literal("member") }), z.strictObject({ kind: z.literal("fixed"), name: host })]).default({ kind: "client" }),
  /** HTTP version to members; clients get HTTP/1.1 and HTTP/2. */
  memberHttp: z.enum(["1.1", "2"]).default("1.1"),
  /** Client address to members: X-Forwarded-For/-Proto/-Host, Forwarded (RFC 7239), both or none. */
  forwardedHeaders: z.enum(["x-forwarded", "forwarded", "both", "none"]).default("x-forwarded"),
  acceptProxy: proxyProtocolAccept.default({ kind: "off" }),
  sendProxy: z.enum(["off", "v1", "v2"]).default("off"),
};

export const serviceCertificate = z.strictObject({ fingerprint, chainPem: z.string().min(1).max(200_000), keyPem: z.string().min(1).max(20_000) });
export type ServiceCertificate = z.infer<typeof serviceCertificate>;

export const snapshotService = z.strictObject({
  id: z.uuid(),
  ...serviceFields,
  poolId: z.uuid(),
  /** The first whose names fit the client's SNI is presented; else the first. */
  certificates: z.array(serviceCertificate).max(20),
  algorithms: z.enum(["standard", "fips"]).default("standard"),
  /** 32 bytes in base64: seals persistence cookies. The same on every gateway of the organisation, so that they agree without shared state. */
  persistenceKey: z.string().length(44),
  limits: serviceLimits,
});
export type SnapshotService = z.infer<typeof snapshotService>;

/** What a gateway reports per service, once a second while something moves: totals since the gateway's start, except `connections` and `members`. */
export const serviceLoad = z.strictObject({
  serviceId: z.uuid(),
  connections: z.number().int().nonnegative(),
  opened: z.number().int().nonnegative(),
  refused: z.number().int().nonnegative(),
  requests: z.number().int().nonnegative(),
  /** Responses by first digit, 1xx to 5xx. */
  responses: z.array(z.number().int().nonnegative()).length(5),
  bytesUp: z.number().int().nonnegative(),
  bytesDown: z.number().int().nonnegative(),
  members: z.array(z.strictObject({ memberId: z.uuid(), connections: z.number().int().nonnegative(), opened: z.number().int().nonnegative(), failed: z.number().int().nonnegative() })).max(500),
});
export type ServiceLoad = z.infer<typeof serviceLoad>;
