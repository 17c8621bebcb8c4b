/** A pool: members that can serve the same thing, how one is chosen, and how their health is found out (S3-60 to S3-70). */
import { z } from "zod";
import { healthCheck, passiveCheck } from "./health-check.ts";
import { displayName, host, port } from "./names.ts";

/** In the order of preference of S3-70; forms and docs offer them so. */
export const schedulingMethods = ["failover", "first-alive", "weighted-round-robin", "least-connections", "source-hash", "round-robin"] as const;
export const scheduling = z.enum(schedulingMethods);
export type Scheduling = z.infer<typeof scheduling>;

/** `drain`: no new sessions, those kept by persistence go on; `disabled`: none at all. Neither resets an established connection. */
export const memberState = z.enum(["enabled", "drain", "disabled"]);
export type MemberState = z.infer<typeof memberState>;

const memberFields = {
  name: displayName,
  /** Address, or a name that the gateway resolves again when its TTL is over. */
  host,
  port,
  /** Share of new sessions in weighted methods; 0 drains. */
  weight: z.number({ error: "a weight is a whole number from 0 to 256" }).int().min(0).max(256, { error: "a weight is a whole number from 0 to 256" }).default(1),
  /** Connections at once from one gateway; null: no limit. */
  maxConnections: z.number().int().min(1).max(1_000_000).nullable().default(null),
  state: memberState.default("enabled"),
};
/** As people write it; the order in the list is the order of fail-over. `id` of an existing member keeps its history. */
export const memberInput = z.strictObject({ id: z.uuid().optional(), ...memberFields });
/** `cuts` counts how often people asked to end the member's established connections; an engine that commits a higher count than it had ends them. Absent: 0; a member it meets for the first time loses nothing. */
export const snapshotMember = z.strictObject({ id: z.uuid(), ...memberFields, cuts: z.number().int().nonnegative().optional() });
export type SnapshotMember = z.infer<typeof snapshotMember>;

export const poolFields = {
  name: displayName,
  scheduling: scheduling.default("failover"),
  /** Fail-over only. True: back to the first member once it is up; false: stay with the one in use until it fails. */
  failsBack: z.boolean().default(true),
  /** Sessions live on one member only (S3-12, S3-13); plain round robin is refused (N7). */
  isSessionBound: z.boolean().default(false),
  healthCheck: healthCheck.default({ kind: "tcp", intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null }),
  passiveCheck: passiveCheck.nullable().default({ failures: 3, holdMs: 10_000 }),
};
export const snapshotPool = z.strictObject({ id: z.uuid(), ...poolFields, members: z.array(snapshotMember).max(500) });
export type SnapshotPool = z.infer<typeof snapshotPool>;
