/**
 * Relays (the agent proxy of S4): a gateway-worker in a network that nobody else can reach. To agents it is the gateway and the agent site byte for byte, because
 * it ends none of their TLS: it carries their connections to an edge gateway as yamux streams in one mutual-TLS session, and adds only routing metadata.
 *
 *   session    ALPN `sallyport-relay/1`: the relay dials the gateway's tunnel listener (or the gateway dials the relay's port), the relay is the yamux client
 *   streams    relay opens   hello   -> accepted | refused        who it is and what it serves
 *                            agent   -> accepted | refused        one connection of an agent (or of a relay further out), raw bytes from here
 *              gateway opens dial    -> accepted | refused        to a listening agent (X4-01), raw bytes from here
 */
import { z } from "zod";
import { relayDepthMax, relayHop } from "./channel.ts";
import { refusalCode } from "./error-codes.ts";
import { fingerprint } from "./fingerprint.ts";
import { cidr, host, port } from "./names.ts";

export const relayAlpn = "sallyport-relay/1";
/** Application protocol with which a gateway dials a relay's port (S4-28). */
export const upstreamAlpn = "sallyport-upstream/1";
/** X4-01. */
export const relayPortDefault = 2_002;
export const listeningAgentPortDefault = 2_003;
export const upstreamPortDefault = 3_302;

/** A long random text, the same on every node behind one balancer (X4-02): 22 to 100 characters of A-Z a-z 0-9 - _. */
export const relayKey = z.string().regex(/^[A-Za-z0-9_-]{22,100}$/, { error: "a relay id has 22 to 100 letters, digits, hyphens and underscores; the console makes one" });

export const relayHello = z.strictObject({
  kind: z.literal("hello"),
  relayKey,
  /** One per process: two nodes with one id are told apart. */
  node: z.uuid(),
  organisationId: z.uuid(),
  version: z.string().max(40),
  hostname: z.string().max(253),
  startedAt: z.iso.datetime(),
});
/** Every 10 s on a stream of its own: what the relay carries. */
export const relayLoad = z.strictObject({ kind: z.literal("load"), connections: z.number().int().nonnegative(), opened: z.number().int().nonnegative(), refused: z.number().int().nonnegative(), bytesUp: z.number().int().nonnegative(), bytesDown: z.number().int().nonnegative() });
export const relayAgent = z.strictObject({ kind: z.literal("agent"), source: z.string().max(60), connectionId: z.string().max(40) });
export const relayStreamHead = z.discriminatedUnion("kind", [relayHello, relayLoad, relayAgent]);
export type RelayStreamHead = z.infer<typeof relayStreamHead>;
export const relayDial = z.strictObject({ kind: z.literal("dial"), host, port, timeoutMs: z.number().int().min(100).max(30_000) });
/** Gateway to relay: what to do when asked for its state. */
export const upstreamStreamHead = z.discriminatedUnion("kind", [relayDial]);
export type UpstreamStreamHead = z.infer<typeof upstreamStreamHead>;
export const relayAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("accepted") }),
  z.strictObject({ kind: z.literal("refused"), code: refusalCode, detail: z.string().max(500) }),
]);

/** A relay as a gateway gets it in its snapshot. */
export const snapshotRelay = z.strictObject({
  relayId: z.uuid(),
  name: z.string().max(80),
  /** SHA-256 of the relay id text, hex: enough to know it, not to pretend it. */
  relayKeySha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Certificates that a person confirmed; empty while it waits (X4-04). */
  fingerprints: z.array(fingerprint).max(20),
  siteId: z.uuid().nullable(),
  /** Where this gateway dials the relay; null: the relay dials. */
  dial: z.strictObject({ host, port }).nullable(),
  /** Agents behind it that listen rather than dial (X4-01). Dialled by the gateway through the relay, kept connected. */
  listeningAgents: z.array(z.strictObject({ host, port })).max(2_000),
});
export type SnapshotRelay = z.infer<typeof snapshotRelay>;

/** A relay's session, or the lack of one, as a gateway reports it: at once when it changes, and every 10 s. */
export const relayReport = z.strictObject({
  relayId: z.uuid(),
  node: z.uuid().nullable(),
  /** `waiting`: it answered with the right id, and its certificate is not confirmed. `failed`: this gateway dials it and got no answer. */
  state: z.enum(["connected", "waiting", "failed", "ended"]),
  fingerprint: fingerprint.nullable(),
  source: z.string().max(60),
  /** Relays between it and the gateway. */
  relayPath: z.array(relayHop).max(relayDepthMax),
  hostname: z.string().max(253),
  version: z.string().max(40),
  since: z.iso.datetime(),
  /** One sentence when failed or ended: "connection refused", for example (X4-05). */
  detail: z.string().max(300).nullable(),
  connections: z.number().int().nonnegative(),
  opened: z.number().int().nonnegative(),
  refused: z.number().int().nonnegative(),
  bytesUp: z.number().int().nonnegative(),
  bytesDown: z.number().int().nonnegative(),
  /** Listening agents that could not be reached, with the reason. */
  unreachable: z.array(z.strictObject({ host: z.string().max(253), port, detail: z.string().max(300) })).max(50),
});
export type RelayReport = z.infer<typeof relayReport>;

/** The relay's settings file, `relay.json` of its package, the same on every node (X4-02). Nothing else is configuration; nothing is state. */
export const relaySettings = z.strictObject({
  format: z.literal(1),
  name: z.string().max(80),
  relayKey,
  organisationId: z.uuid(),
  organisationName: z.string().max(80),
  trustDomain: z.string().max(253),
  /** Root and issuing certificates: what an upstream that dials in must chain to. */
  caPem: z.string().max(60_000),
  listen: z.strictObject({ address: z.string().max(60).default("::"), port: port.default(relayPortDefault) }),
  /** Gateways (or relays nearer to them) to dial, in order; empty: the upstream dials in. */
  upstreams: z.array(z.strictObject({ host, port: port.default(upstreamPortDefault), serverName: host.nullable().default(null), pins: z.array(fingerprint).max(20) })).max(20),
  /** True only for set-up and tests (X4-03): the upstream's certificate is not checked, and every start says so. */
  disableUpstreamValidation: z.boolean().default(false),
  connectTimeoutMs: z.number().int().min(100).max(60_000).default(10_000),
  idleTimeoutMs: z.number().int().min(1_000).max(86_400_000).default(900_000),
  connectionsMax: z.number().int().min(1).max(200_000).default(10_000),
  /** Connections from one address at once. */
  connectionsPerSourceMax: z.number().int().min(1).max(200_000).default(1_000),
  /** Networks that may connect to the relay's port at all, agents and upstreams (X4-10); empty: all that the firewall lets through. */
  sources: z.array(cidr).max(100).default([]),
  /** Loopback, link-local and own addresses that an upstream may nevertheless have dialled (T02). */
  dialNetworks: z.array(cidr).max(50).default([]),
  /** SIGTERM to last connection cut. */
  drainTimeoutMs: z.number().int().min(0).max(3_600_000).default(30_000),
});
export type RelaySettings = z.infer<typeof relaySettings>;
