/**
 * The agent channel: one outbound mutual-TLS connection per agent (ALPN `sallyport/1`) that carries yamux streams (DESIGN section 5). The agent is the yamux
 * client, the gateway the server. Every stream begins with one head in each direction: a 16-bit big-endian length and JSON of at most 8,192 bytes
 * (gateway-worker/net/stream-head.ts); after an accepted head the stream is plain bytes.
 *
 *   agent opens    hello    -> welcome                 first stream of a channel, closed after the answer
 *                  connect  -> accepted | refused      to a server assigned to the gateway, like CONNECT
 *   gateway opens  reach    -> accepted | refused      to a service on the agent, with the console's grant
 *                  wake     -> accepted                commands wait at the agent site
 */
import { z } from "zod";
import { agentErrorCodes, refusalCode } from "./error-codes.ts";
import { host, port } from "./names.ts";

/** Application protocol of agent channels on a tunnel listener. */
export const channelAlpn = "sallyport/1";
/** A head longer than this is refused before it is read, bytes. */
export const streamHeadMax = 8_192;

/** The agent pings after this much silence, milliseconds. */
export const channelPingEveryMs = 1_000;
/**
 * A ping without an answer for this long ends the channel. With the silence before it a dead path is noticed within 15 s; and 10 s of lost packets are survived, because
 * Linux repeats an unanswered ping after 0.2, 0.4, 0.8, 1.7, 3.3, 6.7 and 13.4 s (measured; older kernels up to 12.6 s): the last one still gets through. docs/channel.md. Milliseconds.
 */
export const channelPingTimeoutMs = 13_900;
/** A gateway that hears nothing for this long ends the channel, milliseconds. */
export const channelSilenceMs = 14_900;

export const channelHello = z.strictObject({
  kind: z.literal("hello"),
  /** Random id of this run of the agent: tells a second machine with the same identity from a second channel of the same one (T22). */
  instance: z.uuid(),
  version: z.string().max(40),
  /** True when the agent was dialled (X4-01) rather than dialled itself. */
  isListening: z.boolean(),
});
export const channelConnect = z.strictObject({ kind: z.literal("connect"), target: z.string().max(300) });
/** What an agent may ask for. */
export const agentStreamHead = z.discriminatedUnion("kind", [channelHello, channelConnect]);
export type AgentStreamHead = z.infer<typeof agentStreamHead>;

export const channelReach = z.strictObject({
  kind: z.literal("reach"),
  sessionId: z.uuid(),
  /** Compact JWS of the console, see reach.ts: the agent believes this, not the gateway. */
  grant: z.string().max(4_000),
});
export const channelWake = z.strictObject({ kind: z.literal("wake") });
/** What a gateway may ask of an agent. */
export const gatewayStreamHead = z.discriminatedUnion("kind", [channelReach, channelWake]);
export type GatewayStreamHead = z.infer<typeof gatewayStreamHead>;

/** Answers, in either direction. */
export const streamAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("accepted") }),
  z.strictObject({ kind: z.literal("welcome"), channelId: z.uuid(), gatewayId: z.uuid(), gatewayName: z.string().max(80) }),
  z.strictObject({ kind: z.literal("refused"), code: z.union([refusalCode, z.enum(agentErrorCodes)]), detail: z.string().max(500) }),
]);
export type StreamAnswer = z.infer<typeof streamAnswer>;

/** One relay that carried a connection; the list goes from the gateway towards the agent. */
export const relayHop = z.strictObject({ relayId: z.uuid(), name: z.string().max(80) });
export type RelayHop = z.infer<typeof relayHop>;
/** Relays may stand behind relays this deep. */
export const relayDepthMax = 4;

/** A channel as its gateway reports it: when it opens, when it closes, and every 10 s with its numbers. */
export const channelReport = z.strictObject({
  channelId: z.uuid(),
  agentId: z.uuid(),
  instance: z.uuid(),
  openedAt: z.iso.datetime(),
  source: z.string().max(60),
  relayPath: z.array(relayHop).max(relayDepthMax),
  isListening: z.boolean(),
  version: z.string().max(40),
  streams: z.number().int().nonnegative(),
  bytesUp: z.number().int().nonnegative(),
  bytesDown: z.number().int().nonnegative(),
  roundTripMs: z.number().nonnegative().nullable(),
  endedAt: z.iso.datetime().nullable(),
  endReason: z.string().max(80).nullable(),
});
export type ChannelReport = z.infer<typeof channelReport>;

/** Where the console believes an agent to be: the newest live channel first. */
export const agentLocation = z.strictObject({ gatewayId: z.uuid(), channelId: z.uuid(), openedAt: z.iso.datetime() });
/** Head on the unix socket between supervisor and stream engine, and between two gateways (ALPN `sallyport-peer/1`): open a stream to this agent. */
export const forwardHead = z.strictObject({ kind: z.literal("forward"), agentId: z.uuid(), head: channelReach });
export type ForwardHead = z.infer<typeof forwardHead>;
export const peerAlpn = "sallyport-peer/1";
/** Another gateway's inside listener. */
export const gatewayPeer = z.strictObject({ gatewayId: z.uuid(), name: z.string().max(80), host, port });
export type GatewayPeer = z.infer<typeof gatewayPeer>;
