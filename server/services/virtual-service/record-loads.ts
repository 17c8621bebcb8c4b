/** Stores the numbers of a gateway's virtual services: the newest of each, and one sample a minute for the charts. */
import type { LiveEvent } from "../../../contract/objects.ts";
import type { ServiceLoad } from "../../../contract/virtual-service.ts";
import type { Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";

/** How long samples are kept, milliseconds. */
export const samplesKeptMs = 7 * 86_400_000;
const eventsMax = 20;

type Counts = Pick<ServiceLoad, "opened" | "requests" | "refused" | "bytesUp" | "bytesDown">;
const countKeys = ["opened", "requests", "refused", "bytesUp", "bytesDown"] as const satisfies readonly (keyof Counts)[];

/** Per gateway: each service's totals at its last sample. */
export type LoadMemory = { samples?: Map<string, Counts & { minute: number }> };

/** Takes the numbers that the gateway `caller` reports; only services that are on it, of its organisation, are written (T33). */
export async function recordLoads(tx: Tx, caller: Caller, loads: readonly ServiceLoad[], moment: { memory: LoadMemory; now: Date }): Promise<LiveEvent[]> {
  if (loads.length === 0) return [];
  const own = await servicesHere(tx, caller);
  const mine = [...new Map(loads.map((load) => [load.serviceId, load])).values()].filter((load) => own.has(load.serviceId)).toSorted((a, b) => (a.serviceId < b.serviceId ? -1 : 1));
  if (mine.length === 0) return [];
  moment.memory.samples ??= await lastKnown(tx, caller.actor.id);
  await recordSamples(tx, caller.actor.id, mine, { samples: moment.memory.samples, now: moment.now });
  await tx.$executeRaw`
    INSERT INTO "ServiceLoad" ("gatewayId", "serviceId", at, load)
    SELECT ${caller.actor.id}::uuid, l.service, ${moment.now}, l.load FROM unnest(${mine.map((load) => load.serviceId)}::uuid[], ${mine.map((load) => JSON.stringify(load))}::jsonb[]) AS l(service, load)
    ON CONFLICT ("gatewayId", "serviceId") DO UPDATE SET at = EXCLUDED.at, load = EXCLUDED.load`;
  return mine.length > eventsMax ? [{ topic: "virtualService", id: null }] : mine.map((load) => ({ topic: "virtualService" as const, id: load.serviceId }));
}

async function servicesHere(tx: Tx, caller: Caller): Promise<Set<string>> {
  const rows = await tx.virtualServiceGateway.findMany({ where: { gatewayId: caller.actor.id, gateway: { organisationId: caller.organisationId }, service: { organisationId: caller.organisationId } }, select: { serviceId: true } });
  return new Set(rows.map((row) => row.serviceId));
}

/** After a restart of the console: what was stored last stands for the sample before, so that what moved in between is not lost. */
async function lastKnown(tx: Tx, gatewayId: string): Promise<NonNullable<LoadMemory["samples"]>> {
  const rows = await tx.serviceLoad.findMany({ where: { gatewayId }, select: { serviceId: true, load: true } });
  return new Map(rows.map(({ serviceId, load }) => [serviceId, { ...countsOf(load as ServiceLoad), minute: 0 }])); // written by this file alone
}

/** One row a minute and service: what was added since the row before. Totals that fell (the gateway was restarted) are all new; those of a service that was just made, too. */
async function recordSamples(tx: Tx, gatewayId: string, loads: readonly ServiceLoad[], { samples, now }: { samples: NonNullable<LoadMemory["samples"]>; now: Date }): Promise<void> {
  const minute = Math.floor(now.getTime() / 60_000) * 60_000;
  const due = loads.filter((load) => samples.get(load.serviceId)?.minute !== minute).map((load) => ({ load, added: since(load, samples.get(load.serviceId)) }));
  if (due.length === 0) return;
  const column = (key: keyof Counts): bigint[] => due.map(({ added }) => BigInt(added[key]));
  await tx.$executeRaw`
    INSERT INTO "ServiceSample" ("gatewayId", "serviceId", at, connections, opened, requests, refused, "bytesUp", "bytesDown")
    SELECT ${gatewayId}::uuid, s.service, ${new Date(minute)}, s.connections, s.opened, s.requests, s.refused, s.up, s.down
      FROM unnest(${due.map(({ load }) => load.serviceId)}::uuid[], ${due.map(({ load }) => load.connections)}::int[], ${column("opened")}::bigint[], ${column("requests")}::bigint[], ${column("refused")}::bigint[], ${column("bytesUp")}::bigint[], ${column("bytesDown")}::bigint[])
           AS s(service, connections, opened, requests, refused, up, down)
    ON CONFLICT ("gatewayId", "serviceId", at) DO NOTHING`;
  await tx.serviceSample.deleteMany({ where: { gatewayId, serviceId: { in: due.map(({ load }) => load.serviceId) }, at: { lt: new Date(minute - samplesKeptMs) } } });
  for (const { load } of due) samples.set(load.serviceId, { ...countsOf(load), minute });
}

function since(load: ServiceLoad, before: Counts | undefined): Counts {
  const isAnew = !before || countKeys.some((key) => load[key] < before[key]);
  return isAnew ? countsOf(load) : { opened: load.opened - before.opened, requests: load.requests - before.requests, refused: load.refused - before.refused, bytesUp: load.bytesUp - before.bytesUp, bytesDown: load.bytesDown - before.bytesDown };
}

function countsOf({ opened, requests, refused, bytesUp, bytesDown }: Counts): Counts {
  return { opened, requests, refused, bytesUp, bytesDown };
}
