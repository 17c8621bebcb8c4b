/** Services and members with the names that people gave them, for the admin port. */
import type { MemberHealth } from "../../contract/health-check.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { ServiceLoad } from "../../contract/virtual-service.ts";
import type { MemberView, ServiceView } from "../observe/admin-server.ts";

const nothing = { connections: 0, opened: 0, refused: 0, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp: 0, bytesDown: 0 };

export function serviceViews(snapshot: Snapshot | undefined, loads: readonly ServiceLoad[]): ServiceView[] {
  const byId = new Map(loads.map(({ members: _members, ...load }) => [load.serviceId, load]));
  return (snapshot?.virtualServices ?? []).filter((service) => service.isEnabled).map(({ id, name, address, port }) => ({ ...(byId.get(id) ?? { ...nothing, serviceId: id }), name, address, port }));
}

export function memberViews(snapshot: Snapshot | undefined, health: readonly MemberHealth[]): MemberView[] {
  const byId = new Map(health.map((one) => [one.memberId, one]));
  return (snapshot?.pools ?? []).flatMap((pool) => pool.members.flatMap((member) => {
    const found = byId.get(member.id);
    return found ? [{ memberId: member.id, pool: pool.name, name: member.name, address: `${member.host} port ${member.port}`, state: found.state, cause: found.cause }] : [];
  }));
}
