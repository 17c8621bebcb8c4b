/** Which members of a pool can take new clients, and whether a change would take the last one away from services in use. */
import type { HealthCheck } from "../../../contract/health-check.ts";
import type { SnapshotMember } from "../../../contract/pool.ts";
import { takesNewSessions } from "../../../contract/shares.ts";
import type { Db, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import type { MemberStatus } from "./member-status.ts";

type Settings = { healthCheck: HealthCheck; members: readonly SnapshotMember[] };

/** Whether gateways offer a member new sessions with what is known of its health. One that nobody has checked yet counts as up. */
export function isMemberUp(healthCheck: HealthCheck, status: MemberStatus | undefined): boolean {
  const takesOut = healthCheck.kind === "smtp" && healthCheck.nextHop?.takesMemberOut === true;
  return status?.state !== "down" && !(status?.state === "next-hop" && takesOut);
}

/** Enabled, with a weight above 0, and not found down. */
export function workingMembers(pool: Settings, statuses: ReadonlyMap<string, MemberStatus>): SnapshotMember[] {
  return pool.members.filter((member) => takesNewSessions({ ...member, isUp: isMemberUp(pool.healthCheck, statuses.get(member.id)) }));
}

/** Names of enabled services on a gateway that use the pool: they are what clients would miss. */
export async function servicesInUse(reader: Db | Tx, caller: Caller, poolId: string): Promise<string[]> {
  const rows = await reader.virtualService.findMany({ where: { poolId, organisationId: caller.organisationId, isEnabled: true, gateways: { some: {} } }, select: { name: true }, orderBy: { nameKey: "asc" }, take: 100 });
  return rows.map((row) => row.name);
}

/** Throws `confirmation-missing` unless `name` was repeated. */
export function demandLastMemberConfirmed(change: { name: string; services: readonly string[]; connections: number; confirmName: string | undefined }): void {
  const { name, services, connections, confirmName } = change;
  if (confirmName === name) return;
  const which = services.length === 1 ? `Service "${services[0]}"` : `${services.length} services`;
  const now = connections === 0 ? "" : ` (${connections} ${connections === 1 ? "connection" : "connections"} now)`;
  throw new ConsoleError("confirmation-missing", `${which} would have no working member left${now}; repeat the name "${name}" to confirm.`, { fields: [{ path: "confirmName", message: `type ${name}` }] });
}
