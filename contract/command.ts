/**
 * Commands from the console to one agent (S4-32 to S4-43). A command is a compact JWE (ECDH-ES+A256KW, A256GCM) to the agent's own encryption key; inside is a compact
 * JWS (ES256) of the organisation's signing key over `commandClaims`. Whoever carries it, gateway, relay or agent site listener, can neither read, alter, make nor repeat it.
 *
 *   agent -> console  PUT  /v1/keys        JWE to the console's key over `agentKeys`: the agent's encryption key and token, made on the agent (S4-32)
 *   console -> agent  GET  /v1/commands    compact JWEs; the agent carries each out at most once, by its id
 *   agent -> console  POST /v1/results     compact JWEs to the console's key over a JWS (ES256, the agent's certificate key) of `taskResult`
 *   agent -> console  POST /v1/rejections  what the agent did not carry out, and why
 */
import { z } from "zod";
import { agentErrorCodes } from "./error-codes.ts";
import { connectionStep } from "./states.ts";

/** Algorithms are fixed: anything else in a header is refused. */
export const commandAlgorithms = { keyManagement: "ECDH-ES+A256KW", encryption: "A256GCM", signature: "ES256" } as const;
export const commandType = "sallyport-command+jwt";
export const resultType = "sallyport-result+jwt";
export const keysType = "sallyport-keys+jwt";

const base64url32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** A P-256 public key. */
export const publicJwk = z.strictObject({ kty: z.literal("EC"), crv: z.literal("P-256"), x: base64url32, y: base64url32, kid: z.string().min(1).max(64) });
export type PublicJwk = z.infer<typeof publicJwk>;

/** The organisation's keys as agents and gateways pin them: several while one is being replaced, newest first. */
export const consoleKeys = z.strictObject({ signing: z.array(publicJwk).max(4), encryption: z.array(publicJwk).max(4) });
export type ConsoleKeys = z.infer<typeof consoleKeys>;

/** What an agent delivers sealed: only the console can open it, whatever relays are between (S4-35). */
export const agentKeys = z.strictObject({
  agentId: z.uuid(),
  encryption: publicJwk,
  /** 32 random bytes, base64url: keys `tok` of every command (S4-33). */
  token: base64url32,
  createdAt: z.iso.datetime(),
});
export const agentKeysDelivery = z.strictObject({ sealed: z.string().min(50).max(8_000) });

export const taskKind = z.enum(["collect-inventory", "refresh-policy", "collect-logs", "diagnose", "rotate-certificate", "upgrade", "restart", "run-script"]);
export type TaskKind = z.infer<typeof taskKind>;

/** What is to be done. */
export const taskOrder = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("collect-inventory") }),
  z.strictObject({ kind: z.literal("refresh-policy") }),
  z.strictObject({ kind: z.literal("collect-logs"), lines: z.number().int().min(1).max(20_000).default(2_000) }),
  z.strictObject({ kind: z.literal("diagnose") }),
  z.strictObject({ kind: z.literal("rotate-certificate") }),
  /** To the console's own agent build, fetched from the agent site and verified by the organisation's signature. */
  z.strictObject({ kind: z.literal("upgrade") }),
  z.strictObject({ kind: z.literal("restart") }),
  z.strictObject({
    kind: z.literal("run-script"),
    script: z.string().min(1).max(100_000),
    /** First line of the script names the interpreter; without one it is /bin/sh. */
    user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "a user name: lower-case letters, digits, - and _; the agent's own user is written agent" }).default("agent"),
    timeoutSeconds: z.number().int().min(1).max(86_400).default(300),
    outputMaxBytes: z.number().int().min(1_000).max(10_000_000).default(1_000_000),
  }),
]);
export type TaskOrder = z.infer<typeof taskOrder>;

export const commandClaims = z.strictObject({
  /** The organisation. */
  iss: z.uuid(),
  /** The agent. */
  aud: z.uuid(),
  /** The task (or, for a cancellation, the cancellation's own id). */
  jti: z.uuid(),
  iat: z.number().int(),
  exp: z.number().int(),
  /** HMAC-SHA256 of `jti` with the agent's token, base64url: proof that the console which got the token speaks (S4-33, S4-43). */
  tok: base64url32,
  command: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("task"), order: taskOrder }), z.strictObject({ kind: z.literal("cancel"), taskId: z.uuid() })]),
});
export type CommandClaims = z.infer<typeof commandClaims>;

/** At most this many wait at once for one agent. */
export const commandsMax = 50;
export const commandList = z.strictObject({ commands: z.array(z.string().max(250_000)).max(commandsMax) });

export const taskState = z.enum(["waiting", "sent", "running", "done", "failed", "cancelled", "expired", "rejected"]);
export type TaskState = z.infer<typeof taskState>;

/** Progress and end of a task; `sequence` rises by one per task, so that a repeated upload changes nothing. Output is text in the order of `sequence`. */
export const taskResult = z.strictObject({
  taskId: z.uuid(),
  sequence: z.number().int().nonnegative(),
  at: z.iso.datetime(),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  /** 0 to 100; null when it cannot be told. */
  progress: z.number().int().min(0).max(100).nullable(),
  /** One sentence for people. */
  message: z.string().max(500),
  output: z.string().max(200_000),
  isOutputCut: z.boolean(),
  exitCode: z.number().int().nullable(),
  /** Facts of a diagnosis: the steps of each path, in words. */
  findings: z.array(z.strictObject({ subject: z.string().max(120), step: connectionStep.nullable(), isGood: z.boolean(), detail: z.string().max(500) })).max(100).default([]),
});
export type TaskResult = z.infer<typeof taskResult>;
export const taskResultUpload = z.strictObject({ results: z.array(z.string().max(400_000)).min(1).max(100) });

export const commandRejection = z.strictObject({ /** null when nothing of it could be read. */ commandId: z.uuid().nullable(), code: z.enum(agentErrorCodes), detail: z.string().max(500), at: z.iso.datetime() });
export const commandRejections = z.strictObject({ rejections: z.array(commandRejection).min(1).max(100) });
