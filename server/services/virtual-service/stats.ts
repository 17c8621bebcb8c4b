/** Numbers of one service over all gateways: now, and one point a minute over the last hour. */
import type { z } from "zod";
import type { serviceStats } from "../../../contract/service-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { readLoad, sumLoads } from "./loads.ts";

type Stats = z.infer<typeof serviceStats>;
const shownMs = 3_600_000;

export async function serviceStatsOf(caller: Caller, input: { id: string }, now: Date = new Date()): Promise<Stats> {
  const row = await caller.db.virtualService.findFirst({
    where: { id: input.id, organisationId: caller.organisationId },
    select: { id: true, loads: { where: { gateway: { services: { some: { serviceId: input.id } } } }, select: { at: true, load: true, gateway: { select: { id: true, name: true } } }, orderBy: [{ gateway: { nameKey: "asc" } }, { gatewayId: "asc" }] } },
  });
  if (!row) throw notFound("virtual service", input.id);
  const perGateway = row.loads.flatMap(({ gateway, at, load: stored }) => {
    const load = readLoad(stored);
    return load ? [{ gateway, at: iso(at), load }] : [];
  });
  return { load: sumLoads(row.id, perGateway.map(({ load }) => load)), perGateway, samples: await samplesOf(caller, row.id, now) };
}

async function samplesOf(caller: Caller, serviceId: string, now: Date): Promise<Stats["samples"]> {
  const rows = await caller.db.$queryRaw<{ at: Date; connections: bigint; opened: bigint; requests: bigint; refused: bigint; bytesUp: bigint; bytesDown: bigint }[]>`
    SELECT date_trunc('minute', p.at) AS at, sum(p.connections)::bigint AS connections, sum(p.opened)::bigint AS opened, sum(p.requests)::bigint AS requests, sum(p.refused)::bigint AS refused, sum(p."bytesUp")::bigint AS "bytesUp", sum(p."bytesDown")::bigint AS "bytesDown"
      FROM "ServiceSample" p WHERE p."serviceId" = ${serviceId}::uuid AND p.at > ${new Date(now.getTime() - shownMs)}::timestamptz GROUP BY 1 ORDER BY 1`;
  return rows.map(({ at, ...row }) => ({ at: iso(at), connections: Number(row.connections), opened: Number(row.opened), requests: Number(row.requests), refused: Number(row.refused), bytesUp: Number(row.bytesUp), bytesDown: Number(row.bytesDown) }));
}
