/** What the scheduling methods have in common: each picks one of the members that can take a new session now (S3-60 to S3-70). */
import type { SnapshotPool } from "../../contract/pool.ts";
import { FailOver } from "./failover.ts";
import { FirstAlive } from "./first-alive.ts";
import { LeastConnections } from "./least-connections.ts";
import type { LiveMember } from "./live-member.ts";
import { RoundRobin } from "./round-robin.ts";
import { SourceHash } from "./source-hash.ts";
import { WeightedRoundRobin } from "./weighted-round-robin.ts";

export type Choice = {
  /** Members that are enabled, have a weight and are up, in pool order; some may be full or have failed this very client. */
  working: readonly LiveMember[];
  /** Those of `working` that can take the connection now. At least one. */
  free: readonly [LiveMember, ...LiveMember[]];
  /** For source hash: what the client is known by, its address, masked where persistence masks it; empty when unknown. */
  sourceKey: string;
};

/** One per service and pool. Deterministic: no clock, no randomness; what a method remembers is its own. */
export interface Scheduler {
  choose(choice: Choice): LiveMember;
}

/** The method of a pool. `actives`: member in use by pool id, shared with the supervisor's word (fail-over without fail back). */
export function createScheduler(pool: SnapshotPool, actives: Map<string, string>): Scheduler {
  switch (pool.scheduling) {
    case "failover":
      return new FailOver(pool, actives);
    case "first-alive":
      return new FirstAlive();
    case "weighted-round-robin":
      return new WeightedRoundRobin();
    case "least-connections":
      return new LeastConnections();
    case "source-hash":
      return new SourceHash();
    case "round-robin":
      return new RoundRobin();
    default:
      return pool.scheduling satisfies never;
  }
}
