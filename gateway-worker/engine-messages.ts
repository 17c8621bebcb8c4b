/**
 * The typed messages between the supervisor and its stream engines, over the child process's IPC channel (JSON).
 * A change is two-phase over all engines: `prepare` builds and binds, `commit` swaps; any refusal aborts it everywhere (DESIGN section 3).
 * An engine faces the Internet, so what it sends is parsed; what the supervisor sends comes from contract schemas and is only typed.
 */
import { z } from "zod";
import type { AccessPage } from "../contract/access.ts";
import { channelReport } from "../contract/channel.ts";
import { logLine, refusal, snapshotProblem, tunnelReport } from "../contract/control.ts";
import { fingerprint } from "../contract/fingerprint.ts";
import { relayReport } from "../contract/relay.ts";
import type { Snapshot } from "../contract/snapshot.ts";
import { serviceLoad } from "../contract/virtual-service.ts";

/** What a listener presents: the chain leaf first, and the leaf's private key, both PEM. Held in memory and passed over IPC only. */
export type ListenerCertificatePem = { listenerId: string; chainPem: string; keyPem: string };

/** What the gateway proves itself with where it dials: relays (S4-28). All PEM; the key is the control channel's, in memory and over IPC only. */
export type GatewayIdentityPem = { chainPem: string; keyPem: string; caPem: string };

/** Whether a member may take new connections, as the supervisor's checks and the dials of all engines say. Members that were never named may. */
export type MemberVerdict = {
  memberId: string;
  isUp: boolean;
  /** Connections to it that other engines hold: counts for least-connections and for the member's limit. */
  elsewhere: number;
};
/** The member in use of a fail-over pool that does not fail back; the same in every engine. */
export type ActiveMember = { poolId: string; memberId: string };

/** A client kept on a member where a table is needed (source address, duration, followed cookies). Shared by the engines and kept on disk by the supervisor. */
export const stickyEntry = z.strictObject({
  serviceId: z.uuid(),
  /** What the client is known by, hashed where it is a secret (a session cookie): at most 64 characters. */
  key: z.string().max(64),
  /** null: forget the entry. */
  memberId: z.uuid().nullable(),
  /** Milliseconds since 1970. */
  expiresAt: z.number(),
});
export type StickyEntry = z.infer<typeof stickyEntry>;

/** Supervisor to engine. `id` pairs a question with its answer. */
export type EngineCommand =
  /** Compile, check, bind what is new; nothing of it serves yet. Answer: `prepared`. */
  | { kind: "prepare"; id: number; snapshot: Snapshot; certificates: ListenerCertificatePem[]; /** Where the HTTP engine listens, or shall listen; null: no service needs it. */ httpSocket: string | null; /** Unix socket, this engine's own, on which it takes `forwardHead` of contract/channel.ts; null: none (tests, formats before 3). */ reachSocket?: string | null; /** True for the one engine that dials relays which the upstream must dial. */ dialsRelays?: boolean; /** Given to every engine of a gateway that is enrolled; null: it dials nobody. */ gatewayIdentity?: GatewayIdentityPem | null }
  /** Swap to what the `prepare` with the id `prepared` built. Answer: `committed`. */
  | { kind: "commit"; id: number; prepared: number }
  /** Forget what the `prepare` with this id built; the old one goes on serving. No answer. */
  | { kind: "abort"; id: number }
  /** A page of the access table. `isFull` starts a new table, in force (as a whole) once a page with `complete` has come. Answer: `access-applied`. */
  | { kind: "access"; id: number; page: AccessPage; isFull: boolean }
  /** Verdicts on members; `isFull` replaces all earlier ones. Resent to a new engine. No answer. */
  | { kind: "members"; verdicts: MemberVerdict[]; actives: ActiveMember[]; isFull: boolean }
  /** Entries that other engines learned, or that were on disk. No answer. */
  | { kind: "sticky"; entries: StickyEntry[] }
  /** End the established connections to this member now. No answer. */
  | { kind: "cut-member"; memberId: string }
  /** Another engine of this gateway has a new channel of this agent: one of another run of the agent ends here (T22). No answer. */
  | { kind: "channel-elsewhere"; agentId: string; instance: string; openedAt: string; source: string }
  /** Commands wait for these agents; no answer. */
  | { kind: "knock"; agentIds: string[] }
  /** Stop accepting, let tunnels finish for at most `timeoutMs`, then cut them. Answer: `drained`. */
  | { kind: "drain"; id: number; timeoutMs: number }
  /** The last `report` was taken in. An engine sends no further one before, so a stopped supervisor costs it no memory (T38). */
  | { kind: "seen" }
  /** Send a report now instead of at the next second. */
  | { kind: "report" };

const count = z.number().int().nonnegative();

export const engineListenerState = z.enum(["new", "bound", "accepting", "full", "draining", "closed"]);
export type EngineListenerState = z.infer<typeof engineListenerState>;

const engineListener = z.strictObject({
  listenerId: z.uuid(),
  address: z.string().max(60),
  /** The port really bound (differs from the snapshot's only in tests that ask for port 0). */
  port: z.number().int(),
  state: engineListenerState,
  fingerprint: fingerprint.nullable(),
  problem: z.string().max(300).nullable(),
});
export type EngineListener = z.infer<typeof engineListener>;

/** One engine's counters since its start. */
const engineCounters = z.strictObject({
  tunnels: count,
  connections: count,
  bytesUp: count,
  bytesDown: count,
  handshakes: count,
  handshakesResumed: count,
  refused: count,
  tunnelsOpened: count,
  residentBytes: count,
  /** Longest pause of the event loop since the last report, milliseconds. */
  loopDelayMaxMs: z.number().nonnegative(),
  channels: count.default(0),
});
export type EngineCounters = z.infer<typeof engineCounters>;

/** Engine to supervisor. */
export const engineMessage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("hello"), pid: z.number().int(), runtime: z.string().max(40) }),
  z.strictObject({ kind: z.literal("prepared"), id: z.number().int(), problems: z.array(snapshotProblem).max(200) }),
  z.strictObject({ kind: z.literal("committed"), id: z.number().int(), revision: z.number().int() }),
  z.strictObject({ kind: z.literal("access-applied"), id: z.number().int(), tunnelsEnded: count }),
  z.strictObject({ kind: z.literal("drained"), id: z.number().int(), tunnelsCut: count }),
  /** At once, so that the supervisor knows which engine holds which agent; the numbers follow in reports. */
  z.strictObject({ kind: z.literal("channel"), channel: channelReport }),
  /** Every second, and sooner when a refusal waits: counters and what happened since the last one. */
  z.strictObject({
    kind: z.literal("report"),
    revision: z.number().int().nonnegative(),
    accessVersion: z.number().int().nonnegative(),
    isDraining: z.boolean(),
    counters: engineCounters,
    listeners: z.array(engineListener).max(50),
    refusals: z.array(refusal).max(500),
    refusalsDropped: count,
    tunnels: z.array(tunnelReport).max(2000),
    logs: z.array(logLine).max(200),
    services: z.array(serviceLoad).max(500),
    /** Dials to members since the last report: what passive health goes by. `failuresInRow` ends with the newest dial. */
    dials: z.array(z.strictObject({ memberId: z.uuid(), succeeded: count, failed: count, failuresInRow: count, lastFailure: z.string().max(300).nullable() })).max(5_000),
    sticky: z.array(stickyEntry).max(5_000),
    /** Channels that opened, closed or moved. */
    channels: z.array(channelReport).max(5_000).default([]),
    relays: z.array(relayReport).max(500).default([]),
  }),
]);
export type EngineMessage = z.infer<typeof engineMessage>;
export type EngineReport = Extract<EngineMessage, { kind: "report" }>;
