/**
 * A stream engine: everything one process serves, and the one pointer to what is in force. A change is prepared beside it, then
 * swapped in one step (DESIGN section 3); any failure before the swap leaves the old one serving untouched.
 */
import type net from "node:net";
import type { Duplex } from "node:stream";
import type { AccessPage } from "../../contract/access.ts";
import type { ChannelReport } from "../../contract/channel.ts";
import type { LogLine, SnapshotProblem } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { EngineCommand, EngineReport, GatewayIdentityPem } from "../engine-messages.ts";
import { DeadlineWheel } from "../net/deadline.ts";
import type { Endpoint } from "../net/proxy-protocol.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import { RefusalQueue } from "../observe/refusals.ts";
import { TunnelLedger } from "../observe/tunnel-ledger.ts";
import { AccessTable } from "../runtime/access-table.ts";
import { compile } from "../runtime/compile.ts";
import type { Compiled, CompiledListener } from "../runtime/compile.ts";
import { agentSiteOf } from "../routing/match.ts";
import type { Match } from "../routing/match.ts";
import { Dialer } from "../upstream/dial.ts";
import { Admission } from "./admission.ts";
import { ChannelTable } from "./channel-table.ts";
import { Connection } from "./connection.ts";
import { peerOf, StreamListener } from "./listener.ts";
import type { Relayed } from "./listener.ts";
import { endpointText, peerEndpoint } from "./peer-address.ts";
import { PeerCertificates } from "./peer-certificate.ts";
import { ProxyGate } from "./proxy-gate.ts";
import { ReachServer } from "./reach-server.ts";
import { RelayTable } from "./relay-table.ts";
import type { ServiceConnection } from "./service-connection.ts";
import { Services } from "./services.ts";
import { proveSecureContext } from "./tls.ts";
import type { Tunnel } from "./tunnel.ts";

type Prepare = Pick<Extract<EngineCommand, { kind: "prepare" }>, "snapshot" | "certificates" | "httpSocket" | "reachSocket" | "dialsRelays" | "gatewayIdentity">;
type Plan = { id: number; compiled: Compiled; kept: Map<string, CompiledListener>; started: StreamListener[]; dialling: { isOn: boolean; identity: GatewayIdentityPem | null } };

/** Log lines waiting for a report; further ones are dropped until it is taken. */
const logsMax = 200;

export class Engine {
  /** What is in force. Read once per decision; a connection never sees half of a change. */
  compiled: Compiled | undefined;
  isDraining = false;
  readonly wheel = new DeadlineWheel();
  readonly access = new AccessTable<Connection>();
  readonly certificates = new PeerCertificates();
  readonly dialer = new Dialer();
  readonly refusals = new RefusalQueue();
  readonly ledger = new TunnelLedger();
  readonly admission: Admission;
  readonly counters = { handshakes: 0, handshakesResumed: 0, tunnelsOpened: 0, bytesUpDone: 0, bytesDownDone: 0 };
  /** Called when a refusal waits to be reported. */
  readonly refusalWaits: () => void;
  readonly accessOf = (kind: "agent" | "bundle", id: string): ReturnType<AccessTable<Connection>["get"]> => this.access.get(kind, id);
  readonly services = new Services(this);
  readonly channels: ChannelTable;
  readonly relays = new RelayTable(this);
  readonly #connections = new Set<{ cut: () => void }>();
  readonly #tunnels = new Set<Tunnel>();
  readonly #listeners = new Map<string, StreamListener>();
  /** Removed listeners whose connections still live. */
  readonly #retired = new Set<StreamListener>();
  readonly #logs: LogLine[] = [];
  #plan: Plan | undefined;
  #whenEmpty: (() => void) | undefined;
  #reach: ReachServer | undefined;

  /** `channelMoved`: an agent's channel opened or closed, and should be told at once; false when it must wait for the next report. */
  constructor(options: { engines: number; refusalWaits: () => void; channelMoved?: (report: ChannelReport) => boolean }) {
    this.admission = new Admission(options.engines);
    this.refusalWaits = options.refusalWaits;
    this.channels = new ChannelTable(options.channelMoved ?? (() => false));
  }

  /** Compiles, proves the TLS material and binds new listeners. Nothing serves yet. Returns every problem; none means ready to commit. */
  async prepare(id: number, { snapshot, certificates, httpSocket, reachSocket, dialsRelays, gatewayIdentity }: Prepare): Promise<SnapshotProblem[]> {
    this.#forgetPlan();
    const result = compile(snapshot, certificates);
    if (result.kind === "refused") return result.problems;
    const { compiled } = result;
    const problems = compiled.listeners.flatMap((listener, index) => tlsProblem(listener, compiled.anchorsPem, index));
    if (problems.length > 0) return problems;
    const plan: Plan = { id, compiled, kept: new Map(), started: [], dialling: { isOn: dialsRelays === true, identity: gatewayIdentity ?? null } };
    this.#plan = plan;
    for (const [index, listener] of compiled.listeners.entries()) {
      const key = StreamListener.key(listener);
      if (this.#listeners.has(key)) plan.kept.set(key, listener);
      else problems.push(...(await this.#bind(plan, listener, index)));
    }
    problems.push(...(await this.services.prepare(compiled, httpSocket)));
    await this.#reachAt(reachSocket ?? null);
    if (problems.length > 0) this.#forgetPlan();
    return problems.slice(0, 200);
  }

  /** Swaps to the plan with this id. Returns the revision now in force. */
  commit(id: number): number {
    const plan = this.#plan;
    if (plan?.id !== id) return this.compiled?.snapshot.revision ?? 0;
    this.#plan = undefined;
    // Chains were verified against the old anchors: judge them anew.
    if (this.compiled?.anchorsPem.join("") !== plan.compiled.anchorsPem.join("")) this.certificates.clear();
    this.compiled = plan.compiled;
    for (const [key, listener] of this.#listeners) {
      const next = plan.kept.get(key);
      if (next) listener.renew(next, plan.compiled.anchorsPem);
      else this.#retire(key, listener);
    }
    for (const listener of plan.started) {
      this.#listeners.set(StreamListener.key(listener.compiled), listener);
      listener.commit();
    }
    this.services.commit();
    this.relays.commit(plan.compiled.snapshot.relays, plan.dialling);
    this.log("info", `serving revision ${plan.compiled.snapshot.revision} on ${plan.compiled.listeners.map(({ listener }) => `${listener.address} port ${listener.port}`).join(", ")}${servicesText(plan.compiled)}`);
    return plan.compiled.snapshot.revision;
  }

  abort(id: number): void {
    if (this.#plan?.id === id) this.#forgetPlan();
  }

  /** Returns how many connections the page ended. */
  takeAccess(page: AccessPage, isFull: boolean): number {
    return this.access.take(page, isFull);
  }

  /** Stops accepting; resolves when the last tunnel is gone, cutting what is left after `timeoutMs`. Returns how many were cut. */
  async drain(timeoutMs: number): Promise<number> {
    this.isDraining = true;
    this.#forgetPlan();
    for (const [key, listener] of this.#listeners) this.#retire(key, listener);
    this.services.close();
    this.channels.drain();
    this.relays.drain();
    if (this.#connections.size === 0) return 0;
    let timer: NodeJS.Timeout | undefined;
    let cut = 0;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      timer = setTimeout(() => {
        cut = this.#tunnels.size;
        for (const connection of [...this.#connections]) connection.cut();
        resolve();
      }, timeoutMs);
    });
    clearTimeout(timer);
    return cut;
  }

  accepted(listener: StreamListener, raw: net.Socket, client?: { source: Endpoint; acceptedMs: number }): Connection | undefined {
    const source = client?.source ?? peerEndpoint(raw);
    const from = { source: endpointText(source), address: source.address, peer: peerOf(raw), acceptedMs: client?.acceptedMs ?? this.wheel.nowMs, passage: null };
    const verdict = listener.isClosed ? "gateway-draining" : this.admission.admit(from.address, listener.limits, this.wheel.nowMs);
    if (verdict === "admitted") {
      const connection = new Connection(this, listener, raw, from);
      this.admission.enter(connection, from.address);
      this.#connections.add(connection);
      return connection;
    }
    raw.on("error", () => {}).destroy();
    this.#turnedAway(verdict, listener, from.source);
    return undefined;
  }

  /** The same doors as for `accepted`; the relay is counted, too, and the source only within the relay: it is what the relay says. */
  acceptedRelayed(listener: StreamListener, stream: Duplex, { source, passage }: Relayed): Connection | "gateway-full" | "source-limit" {
    const address = `${passage.relayId} ${source.replace(/:\d+$/, "")}`;
    const { nowMs } = this.wheel;
    const verdict = this.admission.admit(address, listener.limits, nowMs, passage.relayId);
    if (verdict !== "admitted") {
      this.#turnedAway(verdict, listener, source);
      return verdict;
    }
    const connection = new Connection(this, listener, stream, { source, address, peer: "", acceptedMs: nowMs, passage });
    this.admission.enter(connection, address, passage.relayId);
    this.#connections.add(connection);
    return connection;
  }

  /** A name of the agent site that is none of the listener's own, or none where it is known by an address: there a relay's connection goes as it is (S4-21). */
  agentSite(listener: StreamListener, serverName: string | null): Match | undefined {
    const { compiled } = this;
    if (!compiled || (serverName !== null && listener.compiled.isNamed(serverName))) return undefined;
    return agentSiteOf(compiled.routes, serverName);
  }

  /** Where connections go that a relay carries which this engine dialled: one that chooses by CONNECT, if there is one. */
  listenerForRelays(): StreamListener | undefined {
    const open = [...this.#listeners.values()].filter((listener) => !listener.isClosed);
    return open.find((listener) => listener.compiled.listener.mode.kind === "connect") ?? open[0];
  }

  awaitHeader(listener: StreamListener, raw: net.Socket, onHeader: (client: { source: Endpoint; acceptedMs: number }, read: Buffer) => void): void {
    const peer = peerEndpoint(raw);
    const refuse = (code: RefusalCode, detail: string): void => {
      raw.destroy();
      this.#refuseAt(listener, { code, detail, source: endpointText(peer) });
    };
    if (!listener.isBalancer(peer.address)) return refuse("proxy-header-untrusted", `this listener takes connections only from the listed load balancers; ${peer.address} is none`);
    const verdict = listener.isClosed ? "gateway-draining" : this.admission.admit(null, listener.limits, this.wheel.nowMs);
    if (verdict !== "admitted") {
      raw.destroy();
      return this.#turnedAway(verdict, listener, endpointText(peer));
    }
    const acceptedMs = this.wheel.nowMs;
    const gate = new ProxyGate(raw, {
      wheel: this.wheel,
      timeoutMs: listener.limits.handshakeTimeoutMs,
      onHeader: (source, read) => onHeader({ source, acceptedMs }, read),
      onRefused: refuse,
      onOver: () => {
        this.admission.handshakeOver(gate, null);
        this.admission.connectionOver();
        this.#connections.delete(gate);
        if (this.#connections.size === 0) this.#whenEmpty?.();
      },
    });
    this.admission.enter(gate, null);
    this.#connections.add(gate);
    gate.start();
  }

  /** Counts a connection of a virtual service, which was admitted, until `leave`. */
  enter(connection: ServiceConnection, address: string | null): void {
    this.admission.enter(connection, address);
    this.#connections.add(connection);
    connection.start();
  }

  leave(connection: ServiceConnection): void {
    this.#connections.delete(connection);
    this.admission.connectionOver();
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /** Reports a refusal of a virtual service. */
  refuse(refusal: Omit<Parameters<RefusalQueue["add"]>[0], "listenerId" | "agentId">): void {
    this.refusals.add({ ...refusal, listenerId: null, agentId: null });
    this.refusalWaits();
  }

  /** `isReported`: it is an agent's, so that the console hears of it. */
  tunnelOpened(tunnel: Tunnel, isReported: boolean): void {
    this.counters.tunnelsOpened += 1;
    this.#tunnels.add(tunnel);
    if (isReported) this.ledger.mark(tunnel);
  }

  tunnelOver(tunnel: Tunnel, isReported: boolean): void {
    this.#tunnels.delete(tunnel);
    this.counters.bytesUpDone += tunnel.bytes.up;
    this.counters.bytesDownDone += tunnel.bytes.down;
    if (isReported) this.ledger.ended(tunnel);
  }

  connectionOver(connection: Connection, listener: StreamListener): void {
    this.#connections.delete(connection);
    this.admission.connectionOver();
    listener.connectionOver(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /** One line for the gateway's log; travels with the next report. */
  log(level: LogLine["level"], message: string): void {
    if (this.#logs.length < logsMax) this.#logs.push({ at: new Date().toISOString(), level, message: message.slice(0, 2_000), fields: {} });
  }

  /** What happened since the last report. */
  takeReport(loopDelayMaxMs: number): EngineReport {
    const { refusals, dropped } = this.refusals.take();
    let bytesUp = this.counters.bytesUpDone;
    let bytesDown = this.counters.bytesDownDone;
    for (const tunnel of this.#tunnels) {
      bytesUp += tunnel.bytes.up;
      bytesDown += tunnel.bytes.down;
    }
    for (const listener of this.#retired) if (listener.connections === 0) this.#retired.delete(listener);
    return {
      kind: "report",
      revision: this.compiled?.snapshot.revision ?? 0,
      accessVersion: this.access.version,
      isDraining: this.isDraining,
      counters: { tunnels: this.#tunnels.size, connections: this.admission.connections, bytesUp, bytesDown, handshakes: this.counters.handshakes, handshakesResumed: this.counters.handshakesResumed, refused: this.refusals.total, tunnelsOpened: this.counters.tunnelsOpened, residentBytes: process.memoryUsage.rss(), loopDelayMaxMs, channels: this.channels.size },
      listeners: [...this.#listeners.values(), ...this.#retired].slice(0, 50).map((listener) => listener.status(this.admission.isFull(listener.limits))),
      refusals,
      refusalsDropped: dropped,
      channels: this.channels.takeReports(this.wheel.nowMs),
      relays: this.relays.takeReports(this.wheel.nowMs),
      tunnels: this.ledger.take(this.wheel.nowMs),
      logs: this.#logs.splice(0),
      ...this.services.takeReport(),
    };
  }

  async #bind(plan: Plan, compiled: CompiledListener, index: number): Promise<SnapshotProblem[]> {
    const listener = new StreamListener(compiled, plan.compiled.anchorsPem, this);
    plan.started.push(listener);
    try {
      await listener.bind();
      return [];
    } catch (cause) {
      const { address, port } = compiled.listener;
      return [{ path: `listeners[${index}].port`, code: "listener-bind", message: `listener ${address} port ${port} cannot be bound: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, 500) }];
    }
  }

  /** Not being able to listen there costs reverse access and nothing else: it is logged, and no reason to refuse a snapshot. */
  async #reachAt(path: string | null): Promise<void> {
    if ((this.#reach?.path ?? null) === path) return;
    this.#reach?.close();
    this.#reach = undefined;
    if (path === null) return;
    const server = new ReachServer(path, { channelsOf: (agentId) => this.channels.of(agentId), log: (level, message) => this.log(level, message) });
    try {
      await server.listen();
      this.#reach = server;
    } catch (cause) {
      this.log("error", `agents cannot be reached through this engine: its socket ${path} cannot be bound: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  #forgetPlan(): void {
    for (const listener of this.#plan?.started ?? []) listener.close();
    this.#plan = undefined;
    this.services.abort();
  }

  #retire(key: string, listener: StreamListener): void {
    this.#listeners.delete(key);
    listener.close();
    if (listener.connections > 0) this.#retired.add(listener);
  }

  #turnedAway(code: RefusalCode, listener: StreamListener, source: string): void {
    const detail = code === "source-limit" ? `more than ${listener.limits.handshakesPerSourceMax} unfinished handshakes from this address` : code === "gateway-full" ? "the gateway is at its limit of connections or unfinished handshakes" : "the listener is closing";
    this.#refuseAt(listener, { code, detail, source });
  }

  /** Reports a refusal before there is a connection's record. */
  #refuseAt(listener: StreamListener, refusal: { code: RefusalCode; detail: string; source: string }): void {
    this.refusals.add({ ...refusal, connectionId: nextConnectionId(), listenerId: listener.compiled.listener.id, serverName: null, target: null, agentId: null, certificate: null });
    this.refusalWaits();
  }
}

function servicesText({ fronts }: Compiled): string {
  return fronts.length === 0 ? "" : `, services on ${fronts.map(({ table }) => `${table.address} port ${table.port}`).join(", ")}`;
}

function tlsProblem(listener: CompiledListener, anchorsPem: string[], index: number): SnapshotProblem[] {
  try {
    proveSecureContext(listener, anchorsPem);
    return [];
  } catch (cause) {
    return [{ path: `listeners[${index}].certificate`, code: "certificate-unusable", message: `TLS does not accept the certificate, key or trust anchors: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, 500) }];
  }
}
