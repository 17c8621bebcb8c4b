/**
 * How a gateway finds out whether a member works, and what it says about it (S3-16 to S3-19, N6). Times in milliseconds.
 * A member is `up`, `down`, or `next-hop`: it answers itself, but what it forwards to does not.
 */
import { z } from "zod";
import { fingerprint } from "./fingerprint.ts";
import { host, port } from "./names.ts";

const timing = {
  intervalMs: z.number().int().min(500).max(3_600_000).default(5_000),
  /** Whole check, connection included; shorter than the interval. */
  timeoutMs: z.number().int().min(100).max(60_000).default(3_000),
  /** Checks in a row that must pass before a member is up again. */
  rise: z.number().int().min(1).max(20).default(2),
  /** Checks in a row that must fail before a member is down. */
  fall: z.number().int().min(1).max(20).default(3),
  /** Each check starts up to this share of the interval early or late, so that many members are not checked in one instant. */
  jitterPercent: z.number().int().min(0).max(50).default(10),
  /** Port to check instead of the member's own. */
  port: port.nullable().default(null),
};

/** How the check verifies the member's TLS. `members`: as the service that re-encrypts to it would. `off`: any certificate passes. */
const checkTls = {
  verify: z.enum(["anchors", "off"]).default("anchors"),
  /** PEM certificates to verify against; empty: the organisation's CA and the system's. */
  anchorsPem: z.array(z.string().min(1).max(20_000)).max(20).default([]),
  /** SNI and the name the certificate must carry; null: the member's own name, or none when it is an address. */
  serverName: host.nullable().default(null),
  /** Fewer days left than this fails the check; 0: an expired certificate fails it. */
  daysLeftMin: z.number().int().min(0).max(365).default(0),
};

export const healthCheck = z.discriminatedUnion("kind", [
  /** No probe: a member is up until connections to it fail (passive). */
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("tcp"), ...timing }),
  z.strictObject({ kind: z.literal("tls"), ...timing, ...checkTls }),
  z.strictObject({
    kind: z.literal("http"), ...timing, ...checkTls,
    isTls: z.boolean().default(false),
    method: z.enum(["GET", "HEAD", "OPTIONS"]).default("GET"),
    path: z.string().min(1).max(1_000).regex(/^\/[\u0021-\u007e]*$/, { error: "a path starts with / and has no spaces, such as /healthz" }).default("/"),
    /** Host field; null: the member's name and port. */
    hostHeader: host.nullable().default(null),
    statusFrom: z.number().int().min(100).max(599).default(200),
    statusTo: z.number().int().min(100).max(599).default(399),
    /** Text that the first 64 KiB of the body must contain; null: the body is not read. */
    bodyContains: z.string().min(1).max(500).nullable().default(null),
  }),
  z.strictObject({
    kind: z.literal("smtp"), ...timing, ...checkTls,
    ehloName: host.default("gateway.invalid"),
    /** `required`: STARTTLS must be offered and its handshake must pass. */
    startTls: z.enum(["off", "required"]).default("off"),
    /** What the member forwards to (S3-17): when the member accepts but no greeting comes, or it answers 4xx, this is named as the cause. Null: the member is the last hop. */
    nextHop: z.strictObject({
      host, port: port.default(25),
      /** An outage of the next hop takes the member out of rotation (default: it stays). */
      takesMemberOut: z.boolean().default(false),
    }).nullable().default(null),
  }),
]);
export type HealthCheck = z.infer<typeof healthCheck>;

/** Passive check: dial failures in a row take a member out until `holdMs` have passed (and an active check passes, where there is one). */
export const passiveCheck = z.strictObject({ failures: z.number().int().min(1).max(1_000).default(3), holdMs: z.number().int().min(1_000).max(3_600_000).default(10_000) });
export type PassiveCheck = z.infer<typeof passiveCheck>;

export const memberHealthState = z.enum(["unknown", "up", "next-hop", "down"]);
export type MemberHealthState = z.infer<typeof memberHealthState>;

/** What a TLS-speaking check saw of the member's certificate; feeds the planner. */
export const seenCertificate = z.strictObject({ fingerprint, subject: z.string().max(300), issuer: z.string().max(300), names: z.array(z.string().max(253)).max(100), notAfter: z.string().max(40), isVerified: z.boolean(), problem: z.string().max(300).nullable() });
export type SeenCertificate = z.infer<typeof seenCertificate>;

/** A member's health as one gateway sees it. `cause` is the chain in words, such as "mail1: up; next hop mta1:25 refused the connection". */
export const memberHealth = z.strictObject({
  poolId: z.uuid(),
  memberId: z.uuid(),
  state: memberHealthState,
  cause: z.string().max(500),
  /** When this state began. */
  since: z.iso.datetime(),
  checkedAt: z.iso.datetime().nullable(),
  /** Duration of the last check. */
  tookMs: z.number().nonnegative().nullable(),
  certificate: seenCertificate.nullable(),
});
export type MemberHealth = z.infer<typeof memberHealth>;
