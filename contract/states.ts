/** Named states that people see. Kept here because gateway, agent, console and CLI must use the same words. */
import { z } from "zod";

/** The eight steps of a tunnel, one state each (S0-13 to S0-22). An attempt that fails stays at the last step reached and adds a code. */
export const connectionStep = z.enum(["idle", "tcp", "outer-tls", "outer-chain-ok", "backend-tcp", "proxying", "inner-tls", "inner-chain-ok", "fully-connected"]);
export type ConnectionStep = z.infer<typeof connectionStep>;

export const connectionStepTitle = {
  idle: "not connecting",
  tcp: "TCP connection to the gateway",
  "outer-tls": "outer TLS handshake with the gateway",
  "outer-chain-ok": "gateway accepted the certificate chain and the policy",
  "backend-tcp": "gateway connected to the server",
  proxying: "gateway forwards bytes only",
  "inner-tls": "inner TLS handshake with the server",
  "inner-chain-ok": "server accepted the certificate chain",
  "fully-connected": "fully connected: inventory up, policy down",
} as const satisfies Record<ConnectionStep, string>;

/** How an agent reaches its management server just now. */
export const agentPath = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("lan") }),
  z.strictObject({ kind: z.literal("proxy"), address: z.string().max(300) }),
  z.strictObject({ kind: z.literal("gateway"), gatewayId: z.string().max(64), name: z.string().max(253) }),
  z.strictObject({ kind: z.literal("none") }),
]);
export type AgentPath = z.infer<typeof agentPath>;

/**
 * Agent, as the console shows it. `pending`: record made, never enrolled. `online`: data-path proof within the last 90 s (N8). `late`: within 15 min. `offline`: longer. `revoked`: certificate revoked. `unapproved`: enrolled, and waits for a person's approval (S4-34).
 */
export const agentState = z.enum(["pending", "unapproved", "online", "late", "offline", "revoked"]);
export type AgentState = z.infer<typeof agentState>;

/** Gateway, as the console shows it. `waiting`: never enrolled. `connected`: control channel open. `refused-snapshot`: connected, serves its last good revision because it refused a newer one. `disconnected`: no control channel. */
export const gatewayState = z.enum(["waiting", "connected", "refused-snapshot", "draining", "disconnected"]);
export type GatewayState = z.infer<typeof gatewayState>;

export const presenceOnlineMs = 90_000;
export const presenceLateMs = 15 * 60_000;
