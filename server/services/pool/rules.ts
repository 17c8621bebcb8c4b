/** Rules of pools and how their rows are written; creation and change share them. */
import type { z } from "zod";
import { type Scheduling, schedulingMethods } from "../../../contract/pool.ts";
import type { poolCreate } from "../../../contract/service-objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, publishLive } from "../change/publish.ts";
import { nameKey } from "../object/write.ts";

export type PoolFields = z.infer<typeof poolCreate>;

/** What people call the methods. */
export const schedulingNames: Record<Scheduling, string> = {
  failover: "fail-over",
  "first-alive": "ordered list (first alive)",
  "weighted-round-robin": "weighted round robin",
  "least-connections": "least connections",
  "source-hash": "source hash",
  "round-robin": "round robin",
};

/** Plain round robin would move clients in the middle of a session (N7, S3-60, S3-63). `path` leads to the pool inside the input, with a dot at its end. */
export function demandSessionsKept(pool: Pick<PoolFields, "name" | "scheduling" | "isSessionBound">, path = ""): void {
  if (!pool.isSessionBound || pool.scheduling !== "round-robin") return;
  const offered = schedulingMethods.filter((method) => method !== "round-robin").map((method) => `${schedulingNames[method]} (${method})`).join(", ");
  throw new ConsoleError("round-robin-session-bound", `Pool "${pool.name}" is session-bound, and plain round robin would send a client's next connection to another member in the middle of its session. Choose one of these instead, best first: ${offered}.`, {
    fields: [{ path: `${path}scheduling`, message: "round robin moves clients in the middle of a session" }],
  });
}

/** The pool's own columns as Prisma takes them. */
export function poolData(input: PoolFields) {
  const { name, scheduling, failsBack, isSessionBound, healthCheck, passiveCheck, note } = input;
  return { name, nameKey: nameKey(name), scheduling, failsBack, isSessionBound, healthCheck, passiveCheck: passiveCheck ?? Prisma.DbNull, note };
}

/** Throws `name-taken` on the pool's own field, where the pool is made together with a service. */
export async function demandFreePoolName(tx: Tx, caller: Caller, name: string): Promise<void> {
  const taken = await tx.pool.findFirst({ where: { organisationId: caller.organisationId, nameKey: nameKey(name) }, select: { id: true } });
  if (taken) throw new ConsoleError("name-taken", `Another pool is already called "${name}"; choose another name.`, { fields: [{ path: "pool.name", message: `"${name}" is taken` }] });
}

/** Gateways whose snapshot holds this pool. */
export async function gatewaysOfPool(tx: Tx, caller: Caller, poolId: string): Promise<string[]> {
  const rows = await tx.virtualServiceGateway.findMany({ where: { service: { poolId, organisationId: caller.organisationId } }, select: { gatewayId: true }, distinct: ["gatewayId"] });
  return rows.map((row) => row.gatewayId);
}

/** Every gateway of the pool's services gets a new snapshot; pages of the pool and of services read again. */
export async function publishPoolChange(tx: Tx, caller: Caller, poolId: string): Promise<void> {
  await bumpGateways(tx, caller.organisationId, await gatewaysOfPool(tx, caller, poolId));
  await publishLive(tx, caller.organisationId, { topic: "pool", id: poolId });
  await publishLive(tx, caller.organisationId, { topic: "virtualService", id: null });
}
