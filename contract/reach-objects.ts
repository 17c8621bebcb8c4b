/** Inputs and outputs of the console's procedures for reverse access: rules, requests for approval, sessions. Same rules as objects.ts. */
import { z } from "zod";
import { relayHop } from "./channel.ts";
import { fingerprint } from "./fingerprint.ts";
import { listInput, listOutput } from "./list.ts";
import { displayName, host, port } from "./names.ts";
import { reachService, reachSessionState, reachWho, scriptPermission } from "./reach.ts";
import { role } from "./roles.ts";

const when = z.string();
const ref = z.object({ id: z.string(), name: z.string() });
const note = z.string().trim().max(2000).default("");
const version = z.number().int().nonnegative();
const ids = (max: number) => z.array(z.uuid()).max(max).refine((list) => new Set(list).size === list.length, { error: "each value may appear once" });

// Reach rules -------------------------------------------------------------------------------------------------------

const reachRuleFields = z.strictObject({
  name: displayName,
  isEnabled: z.boolean().default(true),
  groupIds: ids(200),
  services: z.array(reachService).max(50).default([]),
  who: reachWho.default({ roles: [], userIds: [], apiKeyIds: [] }),
  /** A session lasts at most this long. */
  sessionMinutes: z.number().int().min(1).max(10_080).default(480),
  /** Each caller needs an approval by one of these roles first; null: none. */
  approval: z.strictObject({ roles: z.array(role).min(1).max(4), /** An approval lasts this long. */ minutes: z.number().int().min(1).max(43_200).default(480) }).nullable().default(null),
  /** Null: no scripts (S4 tasks). */
  scripts: scriptPermission.nullable().default(null),
  note,
});
const saysSomething = (rule: { services: unknown[]; scripts: unknown }) => rule.services.length > 0 || rule.scripts !== null;
const nothingError = { path: ["services"], error: "a rule opens at least one service, or scripts" };
const letsSomebodyIn = (rule: { who: { roles: unknown[]; userIds: unknown[]; apiKeyIds: unknown[] } }) => rule.who.roles.length + rule.who.userIds.length + rule.who.apiKeyIds.length > 0;
const nobodyError = { path: ["who"], error: "choose at least one role, person or API key" };
export const reachRuleCreate = reachRuleFields.refine(saysSomething, nothingError).refine(letsSomebodyIn, nobodyError);
export const reachRuleUpdate = reachRuleFields.extend({ id: z.uuid(), version }).refine(saysSomething, nothingError).refine(letsSomebodyIn, nobodyError);
export const reachRuleSetEnabled = z.strictObject({ id: z.uuid(), isEnabled: z.boolean(), version });
export const reachRuleList = listInput(["name", "isEnabled", "createdAt"], "name");
export const reachRuleRow = z.object({ id: z.string(), name: z.string(), isEnabled: z.boolean(), services: z.array(reachService), groups: z.array(ref), agentCount: z.number(), needsApproval: z.boolean(), allowsScripts: z.boolean(), createdAt: when });
export const reachRuleRows = listOutput(reachRuleRow);
export const reachRuleDetail = reachRuleRow.extend({ who: reachWho, people: z.array(ref), apiKeys: z.array(ref), sessionMinutes: z.number(), approval: z.object({ roles: z.array(role), minutes: z.number() }).nullable(), scripts: scriptPermission.nullable(), openSessions: z.number(), note: z.string(), version, updatedAt: when });

// Requests for approval ---------------------------------------------------------------------------------------------

export const reachRequestState = z.enum(["open", "approved", "denied", "expired"]);
/** `agent`: an id, or a name as in `HOSTNAME.SITE.agents`. */
export const reachRequestCreate = z.strictObject({ agent: z.string().trim().min(1).max(253), port, reason: z.string().trim().min(1, { error: "say why: it is what the approver reads" }).max(500) });
export const reachRequestDecide = z.strictObject({ id: z.uuid(), isApproved: z.boolean(), note: z.string().trim().max(500).default("") });
export const reachRequestList = listInput(["createdAt", "state"], "createdAt").extend({ state: reachRequestState.optional() });
export const reachRequestRow = z.object({ id: z.string(), state: reachRequestState, agent: ref, service: reachService, rule: ref, reason: z.string(), requestedBy: z.string(), createdAt: when, decidedBy: z.string().nullable(), decidedAt: when.nullable(), decisionNote: z.string(), /** Until when it lets the caller in, or until when it may be decided. */ expiresAt: when, mayDecide: z.boolean(), isYours: z.boolean() });
export const reachRequestRows = listOutput(reachRequestRow);

// Sessions ----------------------------------------------------------------------------------------------------------

/** Opens a session: the answer is good for one connection within two minutes, through any of the gateways. */
export const reachOpen = z.strictObject({ agent: z.string().trim().min(1).max(253), port });
/** Where to connect: TLS to `host:port`, verified against `caPem` with the name `host`; then CONNECT `target` with `Proxy-Authorization: Bearer <grant>`. */
export const reachOpenReply = z.object({ sessionId: z.string(), agent: ref, target: z.string(), grant: z.string(), until: when, gateways: z.array(z.object({ gatewayId: z.string(), name: z.string(), host, port, holdsChannel: z.boolean() })), caPem: z.string() });
export const reachSessionList = listInput(["createdAt", "state", "bytes"], "createdAt").extend({ agentId: z.uuid().optional(), state: reachSessionState.optional() });
export const reachSessionRow = z.object({ id: z.string(), state: reachSessionState, agent: ref, service: reachService, rule: ref.nullable(), actor: z.object({ kind: z.enum(["user", "api-key"]), id: z.string(), name: z.string() }), source: z.string(), gateway: ref.nullable(), channelGateway: ref.nullable(), createdAt: when, openedAt: when.nullable(), endedAt: when.nullable(), until: when, bytesUp: z.number(), bytesDown: z.number(), endReason: z.string().nullable() });
export const reachSessionRows = listOutput(reachSessionRow);

// The agent's page --------------------------------------------------------------------------------------------------

export const agentChannelView = z.object({
  /** `open`; `closed`: there was one; `none`: never seen. */
  state: z.enum(["open", "closed", "none"]),
  gateway: ref.nullable(), openedAt: when.nullable(), endedAt: when.nullable(), endReason: z.string().nullable(), source: z.string().nullable(), relayPath: z.array(relayHop), isListening: z.boolean(),
  roundTripMs: z.number().nullable(), streams: z.number(), bytesUp: z.number(), bytesDown: z.number(),
  /** More than one gateway may hold a channel of a listening agent. */
  others: z.number(),
  problem: z.object({ code: z.string(), detail: z.string(), sentence: z.string(), cure: z.string() }).nullable(),
});
/** What this caller can reach on this agent, with commands that work as they stand. */
export const agentReachView = z.object({
  /** `HOSTNAME.SITE.agents`, or by id when that is not unique. */
  name: z.string(),
  channel: agentChannelView,
  services: z.array(reachService.extend({ rule: ref, mayReach: z.boolean(), needsApproval: z.boolean(), approvedUntil: when.nullable(), commands: z.array(z.object({ label: z.string(), command: z.string() })) })),
  insideGateways: z.array(z.object({ name: z.string(), host: z.string(), port: z.number() })),
  openSessions: z.array(reachSessionRow),
  /** What the path cannot do, said plainly (S4-04, S4-05). */
  limits: z.array(z.string()),
});
/** Agents that address, hostname or NAT address do not tell apart; their keys do (N9). */
export const agentCollisions = z.object({ rows: z.array(z.object({ kind: z.enum(["hostname", "address", "source"]), value: z.string(), agents: z.array(ref.extend({ site: z.string().nullable(), relayPath: z.array(relayHop), fingerprint: fingerprint.nullable() })) })), total: z.number() });
export const apiKeyCertificateIssue = z.strictObject({ id: z.uuid(), csrPem: z.string().min(100).max(20_000) });
export const apiKeyCertificateReply = z.object({ chainPem: z.string(), fingerprint, notAfter: when });
