/** What `sallyport lint` and the forms report about settings that work today and hurt tomorrow (N5, N7, DESIGN section 9). A code is never renamed; each has a section in docs/lint.md. */
import { z } from "zod";

export const findingCodes = [
  // Names and certificates
  "name-not-covered", "member-name-not-covered", "member-certificate-unverifiable", "member-verification-off", "intermediate-missing", "certificate-expiring", "certificate-expired", "client-certificate-anchors-missing", "service-name-changed", "service-certificate-missing", "stamp-name-is-member", "stamp-name-missing", "stamp-name-not-taken",
  // Balancing
  "round-robin-session-bound", "session-bound-spread", "persistence-missing", "persistence-behind-shared-address", "second-set-cookie", "weights-ignored", "weight-all-zero", "pool-without-members", "pool-single-member", "no-member-enabled",
  // Health
  "health-check-missing", "smtp-check-stops-at-banner", "check-weaker-than-service", "check-timeout-too-long",
  // Listeners and neighbours
  "service-on-no-gateway", "service-name-taken", "listener-taken", "member-is-own-listener", "decryption-before-tunnel", "proxy-header-not-sent", "proxy-header-not-expected", "proxy-header-both", "plain-http-service", "http-needs-decryption", "persistence-needs-http", "load-balancer-hides-client",
  // Reach
  "management-server-in-internet-site", "agent-outside-policies", "pin-not-served", "agents-bound-to-one-name", "certificate-proxy", "gateway-version-unsupported", "agent-version-unsupported",
  // The way back: relays, reverse access
  "relay-networks-overlap", "relay-unconfirmed", "relay-without-nodes", "relay-agent-unreachable", "relay-validation-off", "inside-listener-missing", "inside-listener-public", "reach-rule-too-wide", "reach-approval-impossible",
] as const;
export const findingCode = z.enum(findingCodes);
export type FindingCode = z.infer<typeof findingCode>;

export const findingSeverity = z.enum(["error", "warning", "note"]);
export const finding = z.object({
  code: findingCode,
  /** error: refused on save, or cuts clients off now; warning: hurts sooner or later; note: worth knowing. */
  severity: findingSeverity,
  object: z.object({ kind: z.enum(["virtualService", "pool", "gateway", "certificate", "policy", "server", "site", "agent", "relay", "reachRule", "organisation"]), id: z.string().nullable(), name: z.string() }),
  /** The form's field where it arises, such as `scheduling` or `members[1].weight`; null: the whole object. */
  field: z.string().nullable(),
  sentence: z.string(),
  cure: z.string(),
  /** Path in the documentation, such as /docs/lint#name-not-covered. */
  docs: z.string(),
});
export type Finding = z.infer<typeof finding>;
