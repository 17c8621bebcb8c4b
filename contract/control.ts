/**
 * The control channel between gateway and console: a tRPC router over WebSocket over mutual TLS, dialled by the gateway (DESIGN section 1).
 * Procedures: `enrol` (no client certificate, token), then with the gateway's certificate `hello` (mutation), `changes` (subscription: ControlMessage),
 * `applied` (ack or nack), `report` (status, refusals, logs, counters), `listenerCertificate` (what the listener presents; or a CSR to sign), `authoriseReach`
 * (reach.ts: may this caller reach that service?), `locateAgent` (which gateways hold its channel).
 */
import { z } from "zod";
import { accessPage } from "./access.ts";
import { agentLocation, channelReport, relayDepthMax, relayHop } from "./channel.ts";
import { refusalCode } from "./error-codes.ts";
import { fingerprint } from "./fingerprint.ts";
import { memberHealth } from "./health-check.ts";
import { sessionReport } from "./reach.ts";
import { relayReport } from "./relay.ts";
import { snapshot } from "./snapshot.ts";
import { serviceLoad } from "./virtual-service.ts";

/** 1: 2026-11, first. A console answers a gateway of another number with a sentence that says which side to update. */
export const controlProtocol = 1;

export const controlHello = z.strictObject({
  protocol: z.number().int(),
  version: z.string().max(40),
  runtime: z.string().max(80),
  /** Revision and access cursor the gateway serves now; 0 when none. */
  revision: z.number().int().nonnegative(),
  accessVersion: z.number().int().nonnegative(),
  startedAt: z.iso.datetime(),
  /** The gateway's clock, to measure skew (T17). */
  now: z.iso.datetime(),
});
export type ControlHello = z.infer<typeof controlHello>;

export const controlWelcome = z.strictObject({ protocol: z.number().int(), now: z.iso.datetime(), clockSkewMs: z.number().int(), gatewayName: z.string(), reportEveryMs: z.number().int() });
export type ControlWelcome = z.infer<typeof controlWelcome>;

/** A newer channel of this agent is open at another gateway: one of another run of the agent ends here (T22). */
export const channelElsewhere = z.strictObject({ agentId: z.uuid(), /** Of the newer channel. */ instance: z.uuid(), openedAt: z.iso.datetime(), source: z.string().max(60) });
export type ChannelElsewhere = z.infer<typeof channelElsewhere>;

/** What the console sends down the subscription. */
export const controlMessage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("snapshot"), snapshot }),
  z.strictObject({ kind: z.literal("access"), page: accessPage }),
  /** Commands wait for these agents: those that hold a channel here are told. */
  z.strictObject({ kind: z.literal("knock"), agentIds: z.array(z.uuid()).min(1).max(1_000) }),
  /** A person ended these sessions of reverse access. */
  z.strictObject({ kind: z.literal("end-sessions"), sessionIds: z.array(z.uuid()).min(1).max(1_000) }),
  z.strictObject({ kind: z.literal("channels-elsewhere"), channels: z.array(channelElsewhere).min(1).max(1_000) }),
  /** Nothing changed; proves the path every 10 s. */
  z.strictObject({ kind: z.literal("alive"), now: z.iso.datetime() }),
]);
export type ControlMessage = z.infer<typeof controlMessage>;

/** A problem of a refused snapshot: where, and what a person should do. */
export const snapshotProblem = z.strictObject({ path: z.string().max(200), code: z.string().max(60), message: z.string().max(500) });
export type SnapshotProblem = z.infer<typeof snapshotProblem>;

export const applied = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ack"), revision: z.number().int().positive(), tookMs: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal("nack"), revision: z.number().int().positive(), problems: z.array(snapshotProblem).min(1).max(200) }),
  z.strictObject({ kind: z.literal("access"), version: z.number().int().nonnegative(), tunnelsEnded: z.number().int().nonnegative() }),
]);
export type Applied = z.infer<typeof applied>;

export const certificateSummary = z.strictObject({
  subject: z.string().max(300),
  issuer: z.string().max(300),
  serial: z.string().max(80),
  fingerprint,
  notBefore: z.string().max(40),
  notAfter: z.string().max(40),
  identity: z.string().max(300).nullable(),
});
export type CertificateSummary = z.infer<typeof certificateSummary>;

export const refusal = z.strictObject({
  /** Unique per gateway: lets the console store a report twice without doubling rows. */
  id: z.uuid(),
  at: z.iso.datetime(),
  code: refusalCode,
  /** One sentence with the values, for people. */
  detail: z.string().max(500),
  connectionId: z.string().max(40),
  source: z.string().max(60),
  listenerId: z.uuid().nullable(),
  serverName: z.string().max(253).nullable(),
  target: z.string().max(300).nullable(),
  agentId: z.uuid().nullable(),
  certificate: certificateSummary.nullable(),
  /** Equal refusals within one second from one source are counted, not repeated. */
  count: z.number().int().min(1),
});
export type Refusal = z.infer<typeof refusal>;

export const serverReach = z.strictObject({ serverId: z.uuid(), address: z.string().max(300), isReachable: z.boolean(), detail: z.string().max(300), checkedAt: z.iso.datetime() });

export const gatewayStatus = z.strictObject({
  revision: z.number().int().nonnegative(),
  accessVersion: z.number().int().nonnegative(),
  /** When the snapshot that is being served was built; its age is shown while the console is away. */
  snapshotBuiltAt: z.iso.datetime().nullable(),
  isDraining: z.boolean(),
  listeners: z.array(z.strictObject({ listenerId: z.uuid(), address: z.string().max(60), port: z.number().int(), state: z.enum(["new", "bound", "accepting", "full", "draining", "closed"]), fingerprint: fingerprint.nullable(), problem: z.string().max(300).nullable() })).max(50),
  engines: z.array(z.strictObject({ index: z.number().int(), runtime: z.string().max(40), pid: z.number().int(), state: z.enum(["starting", "running", "dead"]), restarts: z.number().int(), tunnels: z.number().int(), residentBytes: z.number().int() })).max(256),
  tunnels: z.number().int().nonnegative(),
  bytesUp: z.number().int().nonnegative(),
  bytesDown: z.number().int().nonnegative(),
  handshakes: z.number().int().nonnegative(),
  /** Open agent channels. */
  channels: z.number().int().nonnegative().default(0),
  refused: z.number().int().nonnegative(),
  servers: z.array(serverReach).max(1000),
});
export type GatewayStatus = z.infer<typeof gatewayStatus>;

/** A live tunnel as the agent's page shows it; the newest proof that bytes moved. */
export const tunnelReport = z.strictObject({ agentId: z.uuid(), connectionId: z.string().max(40), serverId: z.uuid(), source: z.string().max(60), step: z.enum(["outer-tls", "outer-chain-ok", "backend-tcp", "proxying"]), openedAt: z.iso.datetime(), lastByteAt: z.iso.datetime(), bytesUp: z.number().int(), bytesDown: z.number().int(), /** Relays that carried it, from the gateway towards the agent. */ relayPath: z.array(relayHop).max(relayDepthMax).default([]), endedAt: z.iso.datetime().nullable(), endReason: z.string().max(80).nullable() });
export type TunnelReport = z.infer<typeof tunnelReport>;

export const logLine = z.strictObject({ at: z.iso.datetime(), level: z.enum(["debug", "info", "warn", "error"]), message: z.string().max(2000), fields: z.record(z.string().max(60), z.union([z.string().max(500), z.number(), z.boolean(), z.null()])) });
export type LogLine = z.infer<typeof logLine>;

/** Batched by the gateway: at most one a second, at once when a refusal happened more than a second after the last. */
export const controlReport = z.strictObject({
  status: gatewayStatus.nullable(),
  refusals: z.array(refusal).max(500),
  /** Refusals that did not fit the gateway's queue of 5,000. */
  refusalsDropped: z.number().int().nonnegative(),
  tunnels: z.array(tunnelReport).max(2000),
  logs: z.array(logLine).max(500),
  /** Members whose state, cause or certificate changed since the last report; all of them in the first report after `hello`. */
  health: z.array(memberHealth).max(5_000).default([]),
  /** Services whose numbers moved. */
  services: z.array(serviceLoad).max(500).default([]),
  /** Agent channels that opened, closed or moved since the last report; all of them in the first report after `hello` (`areChannelsComplete`). */
  channels: z.array(channelReport).max(5_000).default([]),
  /** True when `channels` with this report and those before it since `hello` name every open channel: the console forgets the others of this gateway. */
  areChannelsComplete: z.boolean().default(false),
  sessions: z.array(sessionReport).max(2_000).default([]),
  relays: z.array(relayReport).max(500).default([]),
});
export type ControlReport = z.infer<typeof controlReport>;

/** The gateway tells which certificate its listener presents, or asks for one to be signed. */
export const listenerCertificateRequest = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("self-signed"), listenerId: z.uuid(), generation: z.number().int(), certificatePem: z.string().max(20_000) }),
  z.strictObject({ kind: z.literal("ca-issued"), listenerId: z.uuid(), generation: z.number().int(), csrPem: z.string().max(20_000) }),
]);
export const listenerCertificateReply = z.strictObject({ chainPem: z.string().max(60_000) });

/** Where an agent's channel is now; empty: nowhere. */
export const locateAgent = z.strictObject({ agentId: z.uuid() });
export const locateAgentReply = z.strictObject({ locations: z.array(agentLocation).max(20), /** When the agent was last seen by anybody; null: never, or unknown. */ lastSeenAt: z.iso.datetime().nullable().default(null) });
export type LocateAgentReply = z.infer<typeof locateAgentReply>;
