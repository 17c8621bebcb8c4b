/**
 * What agents may ask of the agent site, over mutual TLS (S1-16 to S1-20). JSON in and out, at most 1 MiB; errors are `{ error: { code, message, requestId } }`.
 *
 *   POST /v1/enrol      token + CSR -> certificate (client certificate optional: none, the bundle's, or the agent's own)
 *   GET  /v1/policy     ETag / If-None-Match -> AgentPolicy
 *   PUT  /v1/inventory  Inventory -> 204
 *   POST /v1/status     AgentStatusReport -> AgentStatusReply
 *   POST /v1/logs       AgentLogUpload -> 204
 *   GET  /v1/time       -> AgentTime
 *   PUT  /v1/keys       agentKeysDelivery -> 204                    command.ts, for all below
 *   GET  /v1/commands   -> commandList
 *   POST /v1/results    taskResultUpload -> 204
 *   POST /v1/rejections commandRejections -> 204
 *   POST /v1/renew      AgentRenewal -> agentEnrolmentReply          a new certificate for the identity that asks
 *   GET  /v1/program    -> the console's agent build as a tar.gz, signed like a bundle
 *   GET  /healthz /readyz (client certificate required like all the rest, except over the loopback)
 */
import { z } from "zod";
import { consoleKeys } from "./command.ts";
import { fingerprint } from "./fingerprint.ts";
import { fqdn, host, port } from "./names.ts";
import { agentErrorCodes } from "./error-codes.ts";
import { reachService, scriptPermission } from "./reach.ts";
import { agentPath, connectionStep } from "./states.ts";

export const httpProxy = z.strictObject({ host, port });

/** A server as an agent reaches it: the management server, or a site server. */
export const policyServer = z.strictObject({ id: z.uuid(), name: z.string().max(80), kind: z.enum(["management", "site"]), host, port, isAgentSite: z.boolean() });

export const policyGateway = z.strictObject({
  id: z.uuid(),
  name: z.string().max(80),
  fqdn,
  port,
  /** SHA-256 of the certificates that this gateway may present; any one of them is accepted (two while a pin is being rotated). */
  pins: z.array(fingerprint).min(1).max(4),
});

/** Cloud-enabled management settings as one agent gets them: all enabled policies that target it, merged in order. */
export const agentPolicy = z.strictObject({
  format: z.literal(1),
  revision: z.number().int().nonnegative(),
  agentId: z.uuid().nullable(),
  organisationId: z.uuid(),
  organisationName: z.string().max(80),
  /** False: no enabled policy targets this agent; it works on the LAN only (S1-56). */
  isCloudEnabled: z.boolean(),
  servers: z.array(policyServer).min(1).max(100),
  /** In the order to try. Empty unless cloud-enabled. */
  gateways: z.array(policyGateway).max(50),
  /** For direct mode only (S0-24, S0-29); never for requests while gateways are set (S0-26 to S0-28). */
  requestProxy: httpProxy.nullable(),
  /** For the long-lived channel, also in front of a gateway (S0-30, S0-32). */
  channelProxy: httpProxy.nullable(),
  reportEverySeconds: z.number().int().min(5).max(86_400),
  inventoryEverySeconds: z.number().int().min(60).max(604_800),
  /** What grants and commands are verified with, and what results and the agent's keys are sealed to; pinned by the bundle. */
  consoleKeys: consoleKeys.default({ signing: [], encryption: [] }),
  /** The agent's own list for reverse access, from all reach rules that target it: anything else it refuses, whoever asks. */
  reach: z.strictObject({ services: z.array(reachService).max(500), scripts: z.array(scriptPermission).max(50) }).default({ services: [], scripts: [] }),
  /** False: the agent keeps no channel. */
  hasChannel: z.boolean().default(true),
  /** Every connection goes to this relay instead of the addresses above; names and pins stay theirs (S4-21). Set in a bundle or on the computer. */
  relay: z.strictObject({ host, port }).nullable().default(null),
});
export type AgentPolicy = z.infer<typeof agentPolicy>;

export const inventory = z.strictObject({
  collectedAt: z.iso.datetime(),
  hostname: z.string().max(253),
  platform: z.string().max(40),
  osName: z.string().max(200),
  osVersion: z.string().max(200),
  architecture: z.string().max(40),
  cpuModel: z.string().max(200),
  cpuCount: z.number().int().min(0).max(4096),
  memoryBytes: z.number().int().nonnegative(),
  uptimeSeconds: z.number().nonnegative(),
  /** The id that a cloud gave this machine, as it asserts it; an attribute, never an identity (S4-10, S4-17). Null: none known. */
  cloudInstanceId: z.string().max(100).nullable().default(null),
  addresses: z.array(z.strictObject({ interface: z.string().max(60), address: z.string().max(60), mac: z.string().max(30) })).max(200),
  disks: z.array(z.strictObject({ mount: z.string().max(300), totalBytes: z.number().nonnegative(), freeBytes: z.number().nonnegative() })).max(100),
  packages: z.array(z.strictObject({ name: z.string().max(200), version: z.string().max(200) })).max(20_000),
  agentVersion: z.string().max(40),
});
export type Inventory = z.infer<typeof inventory>;

/** One try over one path, with the step it reached. */
export const connectionAttempt = z.strictObject({
  at: z.iso.datetime(),
  path: agentPath,
  step: connectionStep,
  code: z.enum(agentErrorCodes).nullable(),
  detail: z.string().max(500),
  connectionId: z.string().max(40).nullable(),
});
export type ConnectionAttempt = z.infer<typeof connectionAttempt>;

export const agentStatusReport = z.strictObject({
  now: z.iso.datetime(),
  version: z.string().max(40),
  path: agentPath,
  step: connectionStep,
  policyRevision: z.number().int().nonnegative(),
  /** Outcomes since the last report, so that the console sees failed tries of an agent that came back. */
  attempts: z.array(connectionAttempt).max(50),
  /** The agent channel: null when there is none, with the reason. */
  channel: z.strictObject({ gatewayId: z.uuid(), channelId: z.uuid(), openedAt: z.iso.datetime() }).nullable().default(null),
  channelProblem: z.strictObject({ code: z.enum(agentErrorCodes), detail: z.string().max(500) }).nullable().default(null),
  /** The relay that this computer was told to use. */
  relay: z.strictObject({ host: z.string().max(253), port }).nullable().default(null),
  /** The pins of the outer connection are not checked (S4-37): explicit, warned about, audited. */
  isRelayValidationOff: z.boolean().default(false),
});
export type AgentStatusReport = z.infer<typeof agentStatusReport>;

export const agentStatusReply = z.strictObject({
  now: z.iso.datetime(),
  policyRevision: z.number().int().nonnegative(),
  /** Commands that wait for this agent: it fetches them now. */
  commandsWaiting: z.number().int().nonnegative().default(0),
  /** The console has no keys of this agent, or other ones: it delivers them now. */
  areKeysWanted: z.boolean().default(false),
});
/** A new certificate for the agent that asks, proven by its present one; both are valid until the new one has been used. */
export const agentRenewal = z.strictObject({ csrPem: z.string().min(100).max(10_000) });
export const agentLogUpload = z.strictObject({ lines: z.array(z.string().max(4000)).max(2000) });
export const agentTime = z.strictObject({ now: z.iso.datetime() });
