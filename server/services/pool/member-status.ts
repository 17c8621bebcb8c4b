/** How each member of a pool does: every gateway's view of it, the worst of them, and the connections that the gateways hold to it. */
import type { z } from "zod";
import { type MemberHealthState, memberHealthState, seenCertificate } from "../../../contract/health-check.ts";
import type { memberStatus } from "../../../contract/service-objects.ts";
import { serviceLoad } from "../../../contract/virtual-service.ts";
import type { Db, Tx } from "../../db.ts";
import { iso, isoOrNull } from "../object/list.ts";

export type MemberStatus = z.infer<typeof memberStatus>;
type View = MemberStatus["views"][number];

const badness: Record<MemberHealthState, number> = { unknown: 0, up: 1, "next-hop": 2, down: 3 };
export const nobodyLooked: MemberStatus = { state: "unknown", cause: "No gateway has checked it yet.", since: null, connections: 0, opened: 0, views: [] };

/** By member id; a member nobody has looked at and nobody is connected to has no entry. */
export async function memberStatuses(reader: Db | Tx, organisationId: string, poolId: string): Promise<Map<string, MemberStatus>> {
  const rows = await reader.memberHealth.findMany({
    where: { member: { poolId, pool: { organisationId } }, gateway: { services: { some: { service: { poolId, isEnabled: true } } } } },
    select: { memberId: true, state: true, cause: true, since: true, checkedAt: true, tookMs: true, certificate: true, gateway: { select: { id: true, name: true } } },
    orderBy: [{ gateway: { nameKey: "asc" } }, { gatewayId: "asc" }],
  });
  const loads = await reader.serviceLoad.findMany({ where: { service: { poolId, organisationId, isEnabled: true } }, select: { load: true } });
  const numbers = memberNumbers(loads.map((row) => row.load));
  const views = new Map<string, View[]>();
  for (const { gateway, memberId, ...health } of rows) views.set(memberId, [...(views.get(memberId) ?? []), { gateway, health: { ...readHealth(health), poolId, memberId } }]);
  return new Map([...new Set([...views.keys(), ...numbers.keys()])].map((id) => [id, { ...worstOf(views.get(id) ?? []), ...(numbers.get(id) ?? { connections: 0, opened: 0 }) }]));
}

function readHealth(row: { state: string; cause: string; since: Date; checkedAt: Date | null; tookMs: number | null; certificate: unknown }): Omit<View["health"], "poolId" | "memberId"> {
  const state = memberHealthState.safeParse(row.state);
  const certificate = seenCertificate.safeParse(row.certificate);
  return { state: state.success ? state.data : "unknown", cause: row.cause, since: iso(row.since), checkedAt: isoOrNull(row.checkedAt), tookMs: row.tookMs, certificate: certificate.success ? certificate.data : null };
}

function worstOf(views: View[]): Omit<MemberStatus, "connections" | "opened"> {
  const worst = views.reduce<View | undefined>((found, view) => (found && badness[found.health.state] >= badness[view.health.state] ? found : view), undefined);
  return worst ? { state: worst.health.state, cause: worst.health.cause, since: worst.health.since, views } : { state: "unknown", cause: nobodyLooked.cause, since: null, views };
}

/** Connections now and openings since the gateways' starts, over gateways and services. */
export function memberNumbers(loads: readonly unknown[]): Map<string, { connections: number; opened: number }> {
  const numbers = new Map<string, { connections: number; opened: number }>();
  for (const stored of loads) {
    const load = serviceLoad.safeParse(stored);
    for (const { memberId, connections, opened } of load.success ? load.data.members : []) {
      const sum = numbers.get(memberId) ?? { connections: 0, opened: 0 };
      numbers.set(memberId, { connections: sum.connections + connections, opened: sum.opened + opened });
    }
  }
  return numbers;
}
