/** A gateway's engines with virtual services and no console: what is put in is what the snapshot of a real one says. */
import { randomUUID } from "node:crypto";
import { type poolFields, type snapshotMember, type SnapshotPool, snapshotPool } from "../../../contract/pool.ts";
import type { z } from "zod";
import { type serviceLimits, snapshotService, type SnapshotService } from "../../../contract/virtual-service.ts";
import type { Issued } from "../../support/pki.ts";
import type { Snapshot } from "../../../contract/snapshot.ts";
import type { Runtime } from "../../support/gateway-bench.ts";
import { freePort } from "../../support/sockets.ts";

export type MemberInput = Partial<z.input<typeof snapshotMember>> & { port: number };
export type PoolInput = Partial<z.input<z.ZodObject<typeof poolFields>>> & { members: MemberInput[] };
export type ServiceInput = Partial<Omit<z.input<typeof snapshotService>, "certificates" | "limits" | "poolId">> & { certificates?: Issued[]; limits?: Partial<z.input<typeof serviceLimits>>; pool: PoolInput };

export type Served = { service: SnapshotService; pool: SnapshotPool; port: number };

/** A pool without active checks unless told otherwise. */
export function makePool(input: PoolInput): SnapshotPool {
  const { members, ...rest } = input;
  return snapshotPool.parse({
    id: randomUUID(), name: "pool", healthCheck: { kind: "none" }, ...rest,
    members: members.map((member, index) => ({ id: randomUUID(), name: `m${index + 1}`, host: "127.0.0.1", ...member })),
  });
}

/** Puts the service into the bench's snapshot (not applied yet) on a free port, or on the one given. */
export async function addService(bench: { snapshot: Snapshot }, input: ServiceInput): Promise<Served> {
  const { pool: poolInput, certificates = [], limits, ...rest } = input;
  const pool = makePool(poolInput);
  const port = rest.port ?? (await freePort());
  const service = snapshotService.parse({
    id: randomUUID(), name: "service", address: "127.0.0.1", persistenceKey: Buffer.alloc(32, 7).toString("base64"), ...rest, port, poolId: pool.id, limits: limits ?? {},
    certificates: certificates.map(({ fingerprint, chainPem, keyPem }) => ({ fingerprint, chainPem, keyPem })),
  });
  bench.snapshot.virtualServices.push(service);
  bench.snapshot.pools.push(pool);
  return { service, pool, port };
}

export type { Runtime };
