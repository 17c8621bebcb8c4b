/** Finds a member that takes a connection: the pool's choice first, then others while nothing of the client was sent to any. */
import type { RefusalCode } from "../../contract/error-codes.ts";
import { resetSocket } from "../net/close.ts";
import { writeProxyHeader } from "../net/proxy-protocol.ts";
import type { Endpoint } from "../net/proxy-protocol.ts";
import type { MemberSocket } from "../upstream/member-tls.ts";
import type { LiveService } from "./live-service.ts";
import type { Services } from "./services.ts";

export type MemberClient = {
  /** True once the client is gone: nobody is dialled any more. */
  readonly isOver: boolean;
  source: Endpoint;
  /** Where the client connected to; asked for only where a header says so. */
  destination: () => Endpoint;
  serverName: string | null;
  /** The member's dial begins, and it failed: for the counts of connections. A member that was reached is left by the caller. */
  enter: (memberId: string) => void;
  leave: () => void;
};

export type Reached = MemberSocket | { kind: "failed"; code: RefusalCode; detail: string } | { kind: "client-gone" };

/** Members tried for one client, the first included. */
const triesMax = 8;
/** No further one is tried after this long, milliseconds. A member that refuses costs no time, one that does not answer its connect timeout. */
const triesMs = 15_000;

export async function reachMember(services: Services, live: LiveService, client: MemberClient): Promise<Reached> {
  const { service } = live;
  const failed = new Set<string>();
  const untilMs = performance.now() + triesMs;
  let last: { code: RefusalCode; detail: string } | undefined;
  while (failed.size < triesMax && performance.now() < untilMs) {
    if (client.isOver) return { kind: "client-gone" };
    const picked = services.pools.pick({ service, source: client.source.address, ...(failed.size > 0 ? { exclude: failed } : {}), nowMs: Date.now() });
    if (picked.kind === "none") {
      last ??= picked;
      break;
    }
    const { member } = picked;
    client.enter(member.id);
    const header = service.sendProxy === "off" ? {} : { header: writeProxyHeader({ version: service.sendProxy === "v1" ? 1 : 2, source: client.source, destination: client.destination() }) };
    const result = await services.dialer.connectMember({ service, member, clientServerName: client.serverName, connectTimeoutMs: service.limits.connectTimeoutMs, alpn: null, caller: client, ...header });
    if (client.isOver) {
      if (result.kind === "connected") resetSocket(result.socket, result.raw);
      return { kind: "client-gone" };
    }
    services.pools.dialled(member.id, result.kind === "failed" ? result.detail : null, service.id);
    if (result.kind === "connected") return result;
    client.leave();
    failed.add(member.id);
    last = result;
  }
  return { kind: "failed", code: last?.code ?? "service-no-member", detail: `service ${service.name}: ${last?.detail ?? "no member took the connection"}` };
}
