/**
 * The whole desired state of one gateway at one revision: applied all or nothing, acknowledged or refused with every problem (DESIGN section 1).
 * Unknown keys are refused. Who may connect is not here but in the access stream (access.ts).
 */
import { z } from "zod";
import { gatewayPeer } from "./channel.ts";
import { consoleKeys } from "./command.ts";
import { fingerprint } from "./fingerprint.ts";
import { host, ipAddress, port } from "./names.ts";
import { snapshotPool } from "./pool.ts";
import { insidePortDefault } from "./reach.ts";
import { snapshotRelay } from "./relay.ts";
import { proxyProtocolAccept, snapshotService } from "./virtual-service.ts";

/** Highest snapshot format this build writes and reads. 1: 2026-11, first. 2: 2026-11, virtual services and pools. 3: 2026-11, agent channels, inside listener, relays. */
export const snapshotFormat = 3;

/** Bounds of a tunnel listener; every wait has a deadline, every queue a bound. Times in milliseconds. */
export const listenerLimits = z.strictObject({
  /** Accept to finished handshake. T05: 10 s or less. */
  handshakeTimeoutMs: z.number().int().min(500).max(10_000).default(8_000),
  /** Finished handshake to complete CONNECT head. */
  requestTimeoutMs: z.number().int().min(500).max(30_000).default(10_000),
  /** Dial per address. */
  connectTimeoutMs: z.number().int().min(100).max(30_000).default(5_000),
  /** Tunnel without a byte in either direction. */
  idleTimeoutMs: z.number().int().min(1_000).max(86_400_000).default(900_000),
  /** One side ended, the other still open and silent. */
  closingTimeoutMs: z.number().int().min(100).max(600_000).default(60_000),
  /** Unfinished handshakes at once, whole gateway. */
  handshakesMax: z.number().int().min(1).max(100_000).default(2_000),
  /** Unfinished handshakes at once from one source address. */
  handshakesPerSourceMax: z.number().int().min(1).max(100_000).default(256),
  /** Connections at once, whole gateway. */
  connectionsMax: z.number().int().min(1).max(1_000_000).default(50_000),
});
export type ListenerLimits = z.infer<typeof listenerLimits>;

/** Which certificate a listener presents. The key of the first two is made on the gateway and never leaves it. */
export const listenerCertificate = z.discriminatedUnion("kind", [
  /** Made and signed on the gateway (S0-11, S1-29). A higher generation asks for a new one. */
  z.strictObject({ kind: z.literal("self-signed"), generation: z.number().int().min(1), names: z.array(host).max(20), keyType: z.enum(["ec-p256", "rsa-2048"]) }),
  /** Made on the gateway, signed by the organisation's issuing CA. */
  z.strictObject({ kind: z.literal("ca-issued"), generation: z.number().int().min(1), names: z.array(host).max(20), keyType: z.enum(["ec-p256", "rsa-2048"]) }),
  /** A third party's, imported in the console with its key (S1-30); travels over the control channel only, kept 0600. */
  z.strictObject({ kind: z.literal("imported"), fingerprint, chainPem: z.string().min(1).max(200_000), keyPem: z.string().min(1).max(20_000) }),
]);
export type ListenerCertificate = z.infer<typeof listenerCertificate>;

export const tunnelListener = z.strictObject({
  id: z.uuid(),
  /** IP address to bind; `::` or `0.0.0.0` for all. */
  address: ipAddress,
  port,
  /** `connect`: HTTP CONNECT chooses the server. `direct`: TCP to `directServerId` opens as soon as the handshake is accepted (DESIGN section 3). */
  mode: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("connect") }), z.strictObject({ kind: z.literal("direct"), serverId: z.uuid(), port })]),
  certificate: listenerCertificate,
  /** `fips`: only algorithms that FIPS 140-3 approves (S1-28). */
  algorithms: z.enum(["standard", "fips"]).default("standard"),
  /** A load balancer in front may say who the client is (S0-01). */
  acceptProxy: proxyProtocolAccept.default({ kind: "off" }),
  limits: listenerLimits,
});
export type TunnelListener = z.infer<typeof tunnelListener>;

export const snapshotServer = z.strictObject({
  id: z.uuid(),
  name: z.string().max(80),
  kind: z.enum(["management", "site"]),
  /** True for the installation's agent site: the only server an enrolment bundle may reach. */
  isAgentSite: z.boolean(),
  /** Names (or IP literals) that a CONNECT target may carry, canonical form (names.ts canonicalHost). */
  names: z.array(host).min(1).max(20),
  ports: z.array(port).min(1).max(20),
  /** Addresses to dial, in order. Empty: resolve the requested name. Listed addresses may be loopback or link-local; resolved ones may not (T02). */
  addresses: z.array(ipAddress).max(8),
});
export type SnapshotServer = z.infer<typeof snapshotServer>;

/** Every policy of the organisation, so that a refusal can say which of "none, disabled, other gateway" it is. */
export const snapshotPolicy = z.strictObject({
  id: z.uuid(),
  name: z.string().max(80),
  isEnabled: z.boolean(),
  namesThisGateway: z.boolean(),
  groupIds: z.array(z.uuid()).max(1000),
});

/** Where people and orchestrators inside ask for agents: TLS, HTTP CONNECT, and other gateways (reach.ts). Never on the Internet side. */
export const insideListener = z.strictObject({
  id: z.uuid(),
  address: ipAddress,
  port: port.default(insidePortDefault),
  /** Issued by the organisation's CA for these names; the key stays on the gateway. */
  certificate: listenerCertificate,
  connectionsMax: z.number().int().min(1).max(100_000).default(2_000),
});
export type InsideListener = z.infer<typeof insideListener>;

export const snapshot = z.strictObject({
  /** An older format is a newer one without the later parts; one stored on disk before an update is still served. */
  format: z.literal([1, 2, 3]),
  /** Only ever rising for one gateway. */
  revision: z.number().int().positive(),
  builtAt: z.iso.datetime(),
  organisationId: z.uuid(),
  gatewayId: z.uuid(),
  gatewayName: z.string().max(80),
  trustDomain: z.string().min(1).max(253),
  /** Root and issuing certificates that client chains are verified against, PEM, one certificate each. */
  clientTrustAnchorsPem: z.array(z.string().min(1).max(20_000)).min(1).max(20),
  listeners: z.array(tunnelListener).min(1).max(50),
  servers: z.array(snapshotServer).max(1000),
  policies: z.array(snapshotPolicy).max(1000),
  virtualServices: z.array(snapshotService).max(500).default([]),
  /** Pools that the services name, each once. */
  pools: z.array(snapshotPool).max(500).default([]),
  inside: insideListener.nullable().default(null),
  /** Other gateways of the organisation that have an inside listener. */
  peers: z.array(gatewayPeer).max(500).default([]),
  relays: z.array(snapshotRelay).max(500).default([]),
  /** What grants are signed with. */
  consoleKeys: consoleKeys.default({ signing: [], encryption: [] }),
  /** SIGTERM to last tunnel cut. */
  drainTimeoutMs: z.number().int().min(0).max(3_600_000).default(30_000),
  /** Send log lines of warn and above to the console (S1-48). */
  forwardsLogs: z.boolean().default(true),
  /** Serve at most this long without a word from the console; null: no end (N12). */
  maxStaleMs: z.number().int().min(60_000).nullable().default(null),
});
export type Snapshot = z.infer<typeof snapshot>;
