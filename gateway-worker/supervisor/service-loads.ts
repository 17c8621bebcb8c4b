/** The numbers of virtual services over all engines. Totals never fall while the gateway runs: what a dead engine had counted is kept; open connections die with it. */
import type { ServiceLoad } from "../../contract/virtual-service.ts";

type MemberLoad = ServiceLoad["members"][number];

export class ServiceLoads {
  readonly #live = new Map<number, Map<string, ServiceLoad>>();
  readonly #ofDead = new Map<string, ServiceLoad>();
  #known: ReadonlySet<string> = new Set();

  /** Only these services count from now on; others are forgotten. */
  keepOnly(serviceIds: ReadonlySet<string>): void {
    this.#known = serviceIds;
    for (const table of [this.#ofDead, ...this.#live.values()]) for (const id of table.keys()) if (!serviceIds.has(id)) table.delete(id);
  }

  /** An engine's newest numbers; a service that it does not name stays as it was. */
  take(engine: number, loads: readonly ServiceLoad[]): void {
    const table = this.#live.get(engine) ?? new Map<string, ServiceLoad>();
    this.#live.set(engine, table);
    for (const load of loads) if (this.#known.has(load.serviceId)) table.set(load.serviceId, load);
  }

  /** The engine is gone with its connections; its totals stay. */
  died(engine: number): void {
    for (const [id, load] of this.#live.get(engine) ?? []) this.#ofDead.set(id, add(this.#ofDead.get(id), { ...load, connections: 0, members: load.members.map((member) => ({ ...member, connections: 0 })) }));
    this.#live.delete(engine);
  }

  all(): ServiceLoad[] {
    const sums = new Map<string, ServiceLoad>();
    for (const table of [this.#ofDead, ...this.#live.values()]) for (const [id, load] of table) sums.set(id, add(sums.get(id), load));
    return [...sums.values()];
  }

  /** Open connections to each of these members, by engine. */
  connections(memberIds: ReadonlySet<string>): Map<string, Map<number, number>> {
    const found = new Map<string, Map<number, number>>();
    for (const [engine, table] of this.#live) {
      for (const load of table.values()) {
        for (const { memberId, connections } of load.members) {
          if (!memberIds.has(memberId)) continue;
          const byEngine = found.get(memberId) ?? new Map<number, number>();
          found.set(memberId, byEngine.set(engine, (byEngine.get(engine) ?? 0) + connections));
        }
      }
    }
    return found;
  }
}

function add(sum: ServiceLoad | undefined, load: ServiceLoad): ServiceLoad {
  if (!sum) return load;
  const members = new Map<string, MemberLoad>(sum.members.map((member) => [member.memberId, member]));
  for (const member of load.members) {
    const known = members.get(member.memberId);
    members.set(member.memberId, known ? { memberId: member.memberId, connections: known.connections + member.connections, opened: known.opened + member.opened, failed: known.failed + member.failed } : member);
  }
  return {
    serviceId: load.serviceId,
    connections: sum.connections + load.connections,
    opened: sum.opened + load.opened,
    refused: sum.refused + load.refused,
    requests: sum.requests + load.requests,
    responses: sum.responses.map((count, index) => count + (load.responses[index] ?? 0)),
    bytesUp: sum.bytesUp + load.bytesUp,
    bytesDown: sum.bytesDown + load.bytesDown,
    members: [...members.values()].slice(0, 500),
  };
}
