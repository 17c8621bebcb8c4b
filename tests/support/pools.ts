/** Pools and services for tests: what matters to a test is given, the rest are the contract's defaults. */
import { randomUUID } from "node:crypto";
import { snapshotPool } from "../../contract/pool.ts";
import type { SnapshotMember, SnapshotPool } from "../../contract/pool.ts";
import { snapshotService } from "../../contract/virtual-service.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";

export function serviceOf(given: Partial<SnapshotService> = {}): SnapshotService {
  return snapshotService.parse({ id: randomUUID(), name: "mail", poolId: randomUUID(), certificates: [], persistenceKey: Buffer.alloc(32, 7).toString("base64"), limits: {}, ...given });
}

/** A pool with a member m1, m2 … for each of `members`. */
export function poolOf(given: Partial<Omit<SnapshotPool, "members">>, members: Partial<SnapshotMember>[]): SnapshotPool {
  return snapshotPool.parse({ id: randomUUID(), name: "pool", ...given, members: members.map((member, index) => ({ id: randomUUID(), name: `m${index + 1}`, host: `192.0.2.${index + 1}`, port: 443, ...member })) });
}

/** A generator of numbers from 0 to 1 that gives the same ones again for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
