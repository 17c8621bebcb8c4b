/**
 * Reverse access: an operator or a service account reaches a service on an agent by identity, never by address. A reach rule says which callers reach which
 * services of which agent groups; the console answers a request with a grant that gateway and agent both verify, so neither can make one up.
 */
import { z } from "zod";
import { host, port } from "./names.ts";
import { role } from "./roles.ts";

/** Port of the inside listener unless the gateway says otherwise. */
export const insidePortDefault = 4_740;
/** Names below this are agents: `HOSTNAME.SITE.agents`, or `AGENT-ID.agents`. */
export const agentNameSuffix = "agents";

/** A service on the agent's computer. `host` is what the agent dials: itself unless it stands for a device beside it. */
export const reachService = z.strictObject({ name: z.string().trim().min(1).max(40), host: host.default("127.0.0.1"), port });
export type ReachService = z.infer<typeof reachService>;

/** Whom a rule lets in: any of the listed roles, people or API keys (service accounts). */
export const reachWho = z.strictObject({ roles: z.array(role).max(4).default([]), userIds: z.array(z.string().min(1).max(64)).max(500).default([]), apiKeyIds: z.array(z.uuid()).max(500).default([]) });

/** Scripts are off unless a rule carries this. Times in seconds, sizes in bytes. */
export const scriptPermission = z.strictObject({
  /** Users of the agent's computer that a script may run as; the agent's own user is written `agent`. */
  users: z.array(z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "a user name: lower-case letters, digits, - and _" })).min(1).max(20),
  timeoutMaxSeconds: z.number().int().min(1).max(86_400).default(300),
  outputMaxBytes: z.number().int().min(1_000).max(10_000_000).default(1_000_000),
});
export type ScriptPermission = z.infer<typeof scriptPermission>;

/** Type in the header of a grant: a compact JWS, ES256, key id of the organisation's signing key. */
export const grantType = "sallyport-grant+jwt";
/** A grant must be used within this time; the session may then last until `until`. Seconds. */
export const grantStartSeconds = 120;
export const grantClaims = z.strictObject({
  /** The organisation. */
  iss: z.uuid(),
  aud: z.literal("reach"),
  /** The session; one connection, once. */
  jti: z.uuid(),
  /** Who: `user:ID` or `api-key:ID`. */
  sub: z.string().max(100),
  name: z.string().max(120),
  agent: z.uuid(),
  host,
  port,
  iat: z.number().int(),
  exp: z.number().int(),
  /** The session ends at this second at the latest. */
  until: z.number().int(),
});
export type GrantClaims = z.infer<typeof grantClaims>;

export const reachSessionState = z.enum(["granted", "open", "ended", "refused"]);
/** A session as the gateway that was asked reports it. */
export const sessionReport = z.strictObject({
  sessionId: z.uuid(),
  agentId: z.uuid(),
  /** The gateway that holds the agent's channel; differs when it was found on a peer. */
  channelGatewayId: z.uuid().nullable(),
  source: z.string().max(60),
  openedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  bytesUp: z.number().int().nonnegative(),
  bytesDown: z.number().int().nonnegative(),
  endReason: z.string().max(300).nullable(),
});
export type SessionReport = z.infer<typeof sessionReport>;

const bearerSecret = z.string().min(10).max(4_000);
/** Who asks a gateway's inside listener: an API key, or the client certificate that the organisation issued to one (proven by the TLS handshake). */
export const reachCredential = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("api-key"), secret: bearerSecret }),
  z.strictObject({ kind: z.literal("certificate"), apiKeyId: z.uuid(), fingerprint: z.string().max(100) }),
]);
/** Gateway to console: may this caller reach that service? The gateway never decides it. */
export const reachAuthorisation = z.strictObject({ credential: reachCredential, name: z.string().max(253), port, source: z.string().max(60) });
export type ReachAuthorisation = z.infer<typeof reachAuthorisation>;
export const reachAuthorisationReply = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("granted"), sessionId: z.uuid(), agentId: z.uuid(), grant: z.string().max(4_000) }),
  z.strictObject({ kind: z.literal("refused"), code: z.enum(["reach-credential", "reach-denied", "reach-approval", "reach-agent-unknown", "reach-name"]), detail: z.string().max(500) }),
]);
export type ReachAuthorisationReply = z.infer<typeof reachAuthorisationReply>;

/** Site name as a label of an agent's name: `Branch Köln 2` becomes `branch-koln-2`; empty when nothing is left. */
export function siteLabel(name: string): string {
  return name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63);
}

export type AgentName = { kind: "id"; agentId: string } | { kind: "name"; hostname: string; site: string | null };
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Reads `HOSTNAME.SITE.agents`, `AGENT-ID.agents`, and both without the suffix. The host name is a single label (its first), compared case-insensitively. */
export function parseAgentName(text: string): AgentName | undefined {
  const lower = text.trim().toLowerCase().replace(/\.$/, "");
  const labels = lower.endsWith(`.${agentNameSuffix}`) ? lower.slice(0, -agentNameSuffix.length - 1).split(".") : lower.split(".");
  const [first = "", second] = labels;
  if (labels.length > 2 || labels.some((label) => !/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) return undefined;
  if (uuidPattern.test(first)) return second === undefined ? { kind: "id", agentId: first } : undefined;
  return { kind: "name", hostname: first, site: second ?? null };
}
