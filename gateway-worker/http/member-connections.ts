/**
 * Connections to members that may carry a further request: kept per member and TLS setting for a few seconds, and never shared where
 * a connection speaks for one client (PROXY header, NTLM). The supervisor's dial counts come from here.
 */
import type net from "node:net";
import type { SnapshotMember } from "../../contract/pool.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import { writeProxyHeader } from "../net/proxy-protocol.ts";
import type { Endpoint } from "../net/proxy-protocol.ts";
import type { MemberDialer, MemberFailure } from "../upstream/member-tls.ts";
import { MemberSession } from "./member-two.ts";

export type Leg = { kind: "one"; socket: net.Socket; isReused: boolean; key: string } | { kind: "two"; session: MemberSession; isReused: boolean; key: string };

export type AcquireOptions = {
  service: SnapshotService;
  member: SnapshotMember;
  client: { id: string; source: Endpoint; destination: Endpoint; serverName: string | null };
  /** A connection on which nothing was ever sent: after a reused one died. */
  isFresh: boolean;
  /** The client authenticates connections (NTLM): its member connections are its own. */
  isPrivate: boolean;
  /** The connection may become a tunnel, which only HTTP/1.1 does here. */
  isUpgrade: boolean;
  caller: { readonly isOver: boolean };
};

/** Shorter than what common servers keep (5 s), so that a request rarely meets a connection that the member is just closing. */
const idleMs = 4_000;
const idleHintMaxMs = 60_000;
const idlePerKeyMax = 64;
const sweepMs = 1_000;

type Idle = { socket: net.Socket; key: string; untilMs: number; onEnd: () => void };

export class MemberConnections {
  readonly #dialer: MemberDialer;
  /** Called after each dial; null: it succeeded. */
  readonly #dialled: (memberId: string, error: string | null, serviceId: string) => void;
  readonly #idle = new Map<string, Idle[]>();
  readonly #sessions = new Map<string, Set<MemberSession>>();
  /** Open connections, idle ones too. */
  readonly #memberOf = new Map<net.Socket, string>();
  readonly #open = new Map<string, number>();
  readonly #tlsKeys = new WeakMap<SnapshotService, string>();
  readonly #timer: NodeJS.Timeout;

  constructor(dialer: MemberDialer, dialled: (memberId: string, error: string | null, serviceId: string) => void) {
    this.#dialer = dialer;
    this.#dialled = dialled;
    this.#timer = setInterval(() => this.#sweep(Date.now()), sweepMs);
    this.#timer.unref();
  }

  async acquire(options: AcquireOptions): Promise<Leg | MemberFailure> {
    const key = this.#key(options);
    const kept = options.isFresh ? undefined : (this.#session(key) ?? this.#take(key));
    if (kept) return kept;
    const { service, member, client } = options;
    if (member.maxConnections !== null && (this.#open.get(member.id) ?? 0) >= member.maxConnections) this.#endIdle(member.id);
    const wantsTwo = speaksTwo(options);
    const header = service.sendProxy === "off" ? {} : { header: writeProxyHeader({ version: service.sendProxy === "v1" ? 1 : 2, source: client.source, destination: client.destination }) };
    const result = await this.#dialer.connectMember({ service, member, clientServerName: client.serverName, connectTimeoutMs: service.limits.connectTimeoutMs, alpn: wantsTwo ? ["h2", "http/1.1"] : ["http/1.1"], caller: options.caller, ...header });
    // A dial that the client gave up says nothing about the member.
    if (result.kind === "connected" || !options.caller.isOver) this.#dialled(member.id, result.kind === "failed" ? result.detail : null, service.id);
    if (result.kind === "failed") return result;
    const { socket } = result;
    socket.setNoDelay(true);
    this.#opened(socket, member.id);
    const isTwo = wantsTwo && (service.mode === "tls-reencrypt" ? result.alpn === "h2" : true);
    return isTwo ? { kind: "two", session: this.#newSession(key, socket), isReused: false, key } : { kind: "one", socket, isReused: false, key };
  }

  /** Puts a connection back that is ready for the next request. */
  release(socket: net.Socket, key: string, keepAliveMs: number | undefined): void {
    if (socket.destroyed || !socket.writable || socket.readableEnded) return void socket.destroy();
    let list = this.#idle.get(key);
    if (!list) this.#idle.set(key, (list = []));
    if (list.length >= idlePerKeyMax) return void socket.destroy();
    // Bytes without a request, an end or an error: whatever it is, the connection is not to be used again.
    const onEnd = (): void => void socket.destroy();
    const hinted = keepAliveMs === undefined ? idleMs : Math.min(keepAliveMs - 1_000, idleHintMaxMs);
    const idle: Idle = { socket, key, untilMs: Date.now() + hinted, onEnd };
    socket.on("data", onEnd).on("end", onEnd).on("error", onEnd).on("close", onEnd);
    socket.resume();
    list.push(idle);
  }

  /** Ends every connection to the member now, used ones too. */
  cut(memberId: string): void {
    for (const [socket, id] of this.#memberOf) if (id === memberId) socket.destroy();
  }

  /** Nothing that was verified by what is no longer in force carries a further request. */
  forgetAll(): void {
    for (const list of this.#idle.values()) for (const { socket } of list) socket.destroy();
    this.#idle.clear();
    for (const sessions of this.#sessions.values()) for (const session of sessions) session.retire();
  }

  /** Ends the connections that belong to one client. */
  forgetClient(clientId: string): void {
    for (const [key, list] of this.#idle) {
      if (!key.endsWith(`|${clientId}`)) continue;
      for (const { socket } of list) socket.destroy();
      this.#idle.delete(key);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#memberOf.keys()) socket.destroy();
  }

  #opened(socket: net.Socket, memberId: string): void {
    this.#memberOf.set(socket, memberId);
    this.#open.set(memberId, (this.#open.get(memberId) ?? 0) + 1);
    socket.once("close", () => {
      this.#memberOf.delete(socket);
      const left = (this.#open.get(memberId) ?? 1) - 1;
      if (left > 0) this.#open.set(memberId, left);
      else this.#open.delete(memberId);
    });
  }

  /** Makes room for a connection to a member that takes no more: idle ones of other clients and settings go first. */
  #endIdle(memberId: string): void {
    for (const [key, list] of this.#idle) if (key.startsWith(`${memberId}|`)) list.pop()?.socket.destroy();
  }

  #key(options: AcquireOptions): string {
    const { service, member, client, isPrivate } = options;
    let tlsKey = this.#tlsKeys.get(service);
    if (tlsKey === undefined) this.#tlsKeys.set(service, (tlsKey = service.mode === "tls-reencrypt" ? JSON.stringify([service.memberTls, service.algorithms]) : "plain"));
    const sni = service.mode === "tls-reencrypt" && service.memberTls.serverName.kind === "client" ? (client.serverName ?? "") : "";
    return `${member.id}|${member.host}|${member.port}|${speaksTwo(options) ? 2 : 1}|${tlsKey}|${sni}|${service.sendProxy}|${isPrivate || service.sendProxy !== "off" ? client.id : ""}`;
  }

  #take(key: string): Leg | undefined {
    const list = this.#idle.get(key);
    const nowMs = Date.now();
    for (let idle = list?.pop(); idle; idle = list?.pop()) {
      const { socket, onEnd } = idle;
      if (socket.destroyed || idle.untilMs < nowMs) {
        socket.destroy();
        continue;
      }
      socket.removeListener("data", onEnd).removeListener("end", onEnd).removeListener("error", onEnd).removeListener("close", onEnd);
      return { kind: "one", socket, isReused: true, key };
    }
    this.#idle.delete(key);
    return undefined;
  }

  #session(key: string): Leg | undefined {
    for (const session of this.#sessions.get(key) ?? []) if (session.hasRoom) return { kind: "two", session, isReused: true, key };
    return undefined;
  }

  #newSession(key: string, socket: net.Socket): MemberSession {
    const session = new MemberSession(socket);
    const sessions = this.#sessions.get(key) ?? new Set();
    this.#sessions.set(key, sessions.add(session));
    session.onClose(() => {
      sessions.delete(session);
      if (sessions.size === 0 && this.#sessions.get(key) === sessions) this.#sessions.delete(key);
    });
    return session;
  }

  #sweep(nowMs: number): void {
    for (const [key, list] of this.#idle) {
      const kept = list.filter(({ socket, untilMs }) => {
        if (!socket.destroyed && untilMs >= nowMs) return true;
        socket.destroy();
        return false;
      });
      if (kept.length === 0) this.#idle.delete(key);
      else this.#idle.set(key, kept);
    }
  }
}

/** A login of the connection and an upgrade exist in HTTP/1.1 only. */
function speaksTwo({ service, isPrivate, isUpgrade }: AcquireOptions): boolean {
  return service.memberHttp === "2" && !isPrivate && !isUpgrade;
}
