/**
 * The HTTP engine: reads requests of services with protocol `http` behind the stream engines, which hand connections over on a private
 * unix socket. A change is prepared, then swapped; a request under way finishes with the settings it began with.
 */
import { chmod, unlink } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import type { LogLine, SnapshotProblem } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { ActiveMember, EngineReport, MemberVerdict, StickyEntry } from "../engine-messages.ts";
import type { HandOver } from "../engine-hand-over.ts";
import { DeadlineWheel } from "../net/deadline.ts";
import { RefusalQueue } from "../observe/refusals.ts";
import { PoolTable } from "../pools/pool-table.ts";
import { buildFronts, frontKey } from "../routing/services.ts";
import type { Front } from "../routing/services.ts";
import { MemberDialer } from "../upstream/member-tls.ts";
import { ClientConnection } from "./client-connection.ts";
import { MemberConnections } from "./member-connections.ts";
import { receiveHandOver } from "./receive-hand-over.ts";
import { RequestCounts } from "./request-counts.ts";

type Plan = { id: number; snapshot: Snapshot; socketPath: string | null; server: net.Server | undefined };

/** Log lines waiting for a report; further ones are dropped until it is taken. */
const logsMax = 200;

export class HttpEngine {
  isDraining = false;
  readonly wheel = new DeadlineWheel();
  readonly pools = new PoolTable();
  readonly refusals = new RefusalQueue();
  readonly counts = new RequestCounts();
  readonly members: MemberConnections;
  readonly #dialer = new MemberDialer();
  readonly #connections = new Set<ClientConnection>();
  readonly #logs: LogLine[] = [];
  readonly #refusalWaits: () => void;
  #services = new Map<string, SnapshotService>();
  #fronts = new Map<string, Front>();
  #cuts = new Map<string, number>();
  #revision = 0;
  #anchors: string | undefined;
  #plan: Plan | undefined;
  #listener: { path: string; server: net.Server } | undefined;
  #whenEmpty: (() => void) | undefined;

  constructor(options: { refusalWaits: () => void }) {
    this.#refusalWaits = options.refusalWaits;
    this.members = new MemberConnections(this.#dialer, (memberId, error, serviceId) => this.pools.dialled(memberId, error, serviceId));
  }

  /** What is in force; undefined: the service does not exist, or reads no requests. */
  service(id: string): SnapshotService | undefined {
    return this.#services.get(id);
  }

  /** The services that share the address and port of this one. */
  frontOf(service: SnapshotService): Front | undefined {
    return this.#fronts.get(frontKey(service));
  }

  /** Proves what could be refused and binds the socket. Nothing serves yet. Returns every problem; none means ready to commit. */
  async prepare(id: number, snapshot: Snapshot, socketPath: string | null): Promise<SnapshotProblem[]> {
    this.#forgetPlan();
    const problems = snapshot.virtualServices.flatMap((service, index) => this.#problemsOf(service, index));
    if (problems.length > 0) return problems;
    const plan: Plan = { id, snapshot, socketPath, server: undefined };
    this.#plan = plan;
    if (socketPath === null || socketPath === this.#listener?.path) return [];
    try {
      plan.server = await bind(socketPath);
      return [];
    } catch (cause) {
      this.#forgetPlan();
      return [{ path: "virtualServices", code: "listener-bind", message: `the HTTP engine's socket cannot be bound: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, 500) }];
    }
  }

  /** Swaps to the plan with this id. Returns the revision now in force. */
  commit(id: number): number {
    const plan = this.#plan;
    if (plan?.id !== id) return this.#revision;
    this.#plan = undefined;
    const { snapshot } = plan;
    const services = snapshot.virtualServices.filter((service) => service.isEnabled && service.protocol === "http");
    this.#services = new Map(services.map((service) => [service.id, service]));
    this.#fronts = buildFronts(snapshot.virtualServices.filter((service) => service.isEnabled));
    this.#revision = snapshot.revision;
    this.#useAnchors(snapshot.clientTrustAnchorsPem);
    this.pools.configure({ pools: snapshot.pools, virtualServices: services });
    this.counts.keepOnly(this.#services);
    this.#cutAsked(snapshot);
    this.#swapListener(plan);
    for (const connection of this.#connections) if (!this.#services.has(connection.facts.serviceId)) connection.close();
    this.#log("info", `reading requests of ${services.length} service${services.length === 1 ? "" : "s"} at revision ${snapshot.revision}`);
    return snapshot.revision;
  }

  abort(id: number): void {
    if (this.#plan?.id === id) this.#forgetPlan();
  }

  setVerdicts(verdicts: MemberVerdict[], actives: ActiveMember[], isFull: boolean): void {
    this.pools.setVerdicts(verdicts, actives, isFull);
  }

  learn(entries: StickyEntry[]): void {
    this.pools.learn(entries);
  }

  /** Ends the established connections to this member now. */
  cutMember(memberId: string): void {
    this.members.cut(memberId);
  }

  /** Stops accepting; resolves when the last connection is gone, cutting what is left after `timeoutMs`. Returns how many requests were cut. */
  async drain(timeoutMs: number): Promise<number> {
    this.isDraining = true;
    this.#forgetPlan();
    this.#listener?.server.close();
    this.#listener = undefined;
    for (const connection of [...this.#connections]) connection.close();
    if (this.#connections.size === 0) return 0;
    let cut = 0;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      timer = setTimeout(() => {
        for (const connection of [...this.#connections]) {
          cut += connection.requests;
          connection.destroy();
        }
        resolve();
      }, timeoutMs);
    });
    clearTimeout(timer);
    this.members.close();
    return cut;
  }

  connectionOver(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.members.forgetClient(connection.id);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  refused(code: RefusalCode, detail: string, facts: HandOver, authority: string | null): void {
    const host = facts.source.address.includes(":") ? `[${facts.source.address}]` : facts.source.address;
    this.refusals.add({ code, detail: detail.slice(0, 500), connectionId: facts.connectionId, source: `${host}:${facts.source.port}`.slice(0, 60), listenerId: null, serverName: facts.serverName?.slice(0, 253) ?? null, target: authority?.slice(0, 300) ?? null, agentId: null, certificate: null });
    this.counts.refused(facts.serviceId);
    this.#refusalWaits();
  }

  takeReport(loopDelayMaxMs: number): EngineReport {
    const { refusals, dropped } = this.refusals.take();
    return {
      kind: "report",
      revision: this.#revision,
      accessVersion: 0,
      isDraining: this.isDraining,
      counters: { tunnels: 0, connections: this.#connections.size, bytesUp: 0, bytesDown: 0, handshakes: 0, handshakesResumed: 0, refused: this.refusals.total, tunnelsOpened: 0, residentBytes: process.memoryUsage.rss(), loopDelayMaxMs, channels: 0 },
      listeners: [],
      refusals,
      refusalsDropped: dropped,
      channels: [],
      relays: [],
      tunnels: [],
      logs: this.#logs.splice(0),
      services: this.#loads(),
      dials: this.pools.takeDials(),
      sticky: this.pools.takeSticky(),
    };
  }

  #loads(): EngineReport["services"] {
    const moved = this.counts.takeMoved();
    if (moved.size === 0) return [];
    return this.pools.loads().filter(({ serviceId }) => moved.has(serviceId) && this.#services.has(serviceId)).map(({ serviceId, members }) => {
      const { requests, responses, refused } = this.counts.of(serviceId);
      return { serviceId, connections: 0, opened: 0, refused, requests, responses: [...responses], bytesUp: 0, bytesDown: 0, members };
    });
  }

  #problemsOf(service: SnapshotService, index: number): SnapshotProblem[] {
    try {
      if (service.protocol === "http") this.#dialer.prove(service);
      return [];
    } catch (cause) {
      return [{ path: `virtualServices[${index}].memberTls`, code: "certificate-unusable", message: `the anchors of service ${service.name} are not accepted: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, 500) }];
    }
  }

  /** Members were verified by the old ones: their connections finish what they carry, and no more. */
  #useAnchors(anchorsPem: string[]): void {
    if (anchorsPem.join("") === this.#anchors) return;
    this.#anchors = anchorsPem.join("");
    this.#dialer.useAnchors(anchorsPem);
    this.members.forgetAll();
  }

  /** Members whose count of asked cuts has risen lose their connections; one that is met for the first time loses nothing. */
  #cutAsked(snapshot: Snapshot): void {
    const next = new Map(snapshot.pools.flatMap((pool) => pool.members.map((member) => [member.id, member.cuts ?? 0] as const)));
    for (const [id, cuts] of next) if (cuts > (this.#cuts.get(id) ?? cuts)) this.members.cut(id);
    this.#cuts = next;
  }

  #swapListener({ server, socketPath }: Plan): void {
    if (socketPath === this.#listener?.path) return;
    this.#listener?.server.close();
    this.#listener = undefined;
    if (!server || socketPath === null) return;
    server.on("connection", (socket) => receiveHandOver(socket, (facts) => this.#accept(socket, facts), (detail) => this.#log("warn", `a hand-over was refused: ${detail}`)));
    this.#listener = { path: socketPath, server };
  }

  #accept(socket: net.Socket, facts: HandOver): void {
    const service = this.#services.get(facts.serviceId);
    if (!service || this.isDraining) return void socket.destroy();
    this.#connections.add(new ClientConnection({ engine: this, socket, facts, service }));
  }

  #forgetPlan(): void {
    this.#plan?.server?.close();
    this.#plan = undefined;
  }

  #log(level: LogLine["level"], message: string): void {
    if (this.#logs.length < logsMax) this.#logs.push({ at: new Date().toISOString(), level, message: message.slice(0, 2_000), fields: {} });
  }
}

/** The socket is for our own stream engines: 0600, in a directory that the supervisor keeps 0700. A file left by a dead engine is replaced. */
async function bind(socketPath: string): Promise<net.Server> {
  await unlink(socketPath).catch(() => undefined); // nothing there is the usual case; anything else shows when it is bound
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ path: path.resolve(socketPath), backlog: 4_096 }, resolve));
  } finally {
    process.umask(before);
  }
  await chmod(socketPath, 0o600);
  server.on("error", () => undefined);
  return server;
}
