/** Numbers that gateways reported of services, put together. */
import { serviceLoad, type ServiceLoad } from "../../../contract/virtual-service.ts";
import type { Db, Tx } from "../../db.ts";

export function emptyLoad(serviceId: string): ServiceLoad {
  return { serviceId, connections: 0, opened: 0, refused: 0, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp: 0, bytesDown: 0, members: [] };
}

/** Sum over gateways. */
export function sumLoads(serviceId: string, loads: readonly ServiceLoad[]): ServiceLoad {
  const members = new Map<string, ServiceLoad["members"][number]>();
  const sum = emptyLoad(serviceId);
  for (const load of loads) {
    for (const key of ["connections", "opened", "refused", "requests", "bytesUp", "bytesDown"] as const) sum[key] += load[key];
    sum.responses = sum.responses.map((count, index) => count + (load.responses[index] ?? 0));
    for (const member of load.members) {
      const known = members.get(member.memberId) ?? { memberId: member.memberId, connections: 0, opened: 0, failed: 0 };
      members.set(member.memberId, { ...known, connections: known.connections + member.connections, opened: known.opened + member.opened, failed: known.failed + member.failed });
    }
  }
  return { ...sum, members: [...members.values()] };
}

/** A stored load; undefined when an older build wrote it in another form. */
export function readLoad(stored: unknown): ServiceLoad | undefined {
  const load = serviceLoad.safeParse(stored);
  return load.success ? load.data : undefined;
}

/** Established connections per service now, over the gateways that serve it. Gateways no longer speak of a service that is off: it has none. */
export async function connectionsOf(reader: Db | Tx, organisationId: string, serviceIds: readonly string[]): Promise<Map<string, number>> {
  if (serviceIds.length === 0) return new Map();
  const rows = await reader.$queryRaw<{ id: string; connections: bigint }[]>`
    SELECT s.id, coalesce(sum((l.load->>'connections')::bigint), 0)::bigint AS connections
      FROM "VirtualService" s JOIN "ServiceLoad" l ON l."serviceId" = s.id JOIN "VirtualServiceGateway" sg ON sg."serviceId" = s.id AND sg."gatewayId" = l."gatewayId"
     WHERE s."organisationId" = ${organisationId}::uuid AND s."isEnabled" AND s.id = ANY(${[...serviceIds]}::uuid[]) GROUP BY s.id`;
  return new Map(rows.map((row) => [row.id, Number(row.connections)]));
}
