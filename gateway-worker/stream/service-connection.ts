/**
 * One connection of a virtual service, from accept to its end. States:
 *
 *   opening -> dial -> stream -> over                  tcp, tls-passthrough
 *   opening -> handshake -> dial -> stream -> over     tls-offload, tls-reencrypt
 *
 * `opening` reads a PROXY header and the ClientHello where they are wanted. No member is touched before `dial`, so a slow or hostile
 * client costs a member nothing. A member is left for the next one only while nothing of the client was sent to it.
 */
import type net from "node:net";
import type tls from "node:tls";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { endsTls } from "../../contract/virtual-service.ts";
import { isApproved } from "../net/ciphers.ts";
import type { Timed } from "../net/deadline.ts";
import type { Endpoint, ProxyHeader } from "../net/proxy-protocol.ts";
import { Splice } from "../net/splice.ts";
import type { SpliceOwner } from "../net/splice.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import { matchService } from "../routing/services.ts";
import type { MemberSocket } from "../upstream/member-tls.ts";
import { judgeClient } from "./client-verdict.ts";
import { printable } from "./connect-head.ts";
import type { Engine } from "./engine.ts";
import type { FrontPlan } from "./front.ts";
import { connectHttpEngine } from "./hand-over.ts";
import { count, terminatorFor } from "./live-service.ts";
import type { LiveService } from "./live-service.ts";
import { alertRecord, Opening } from "./opening.ts";
import { endpointText, localEndpoint } from "./peer-address.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { reachMember } from "./reach-member.ts";
import type { MemberClient } from "./reach-member.ts";
import type { Terminated } from "./terminator.ts";
import { classifyHandshakeError } from "./tls.ts";

type Phase = "opening" | "handshake" | "dial" | "stream" | "over";

const nothing: Buffer = Buffer.alloc(0);

export class ServiceConnection implements Timed, SpliceOwner, Terminated {
  readonly id = nextConnectionId();
  deadlineMs: number;
  readonly #engine: Engine;
  readonly #front: FrontPlan;
  readonly #raw: net.Socket;
  readonly #acceptedMs: number;
  readonly #opening: Opening;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  #phase: Phase = "opening";
  /** The client; a believed PROXY header replaces it. */
  #source: Endpoint;
  /** Where the balancer says the client connected to. */
  #toldDestination: Endpoint | null = null;
  /** The address that unfinished handshakes are counted by, until the opening is over; null while a balancer has not named it. */
  #countedAs: string | null;
  #isPending = true;
  #serverName: string | null = null;
  #live: LiveService | undefined;
  #socket: net.Socket;
  #untake: (() => void) | undefined;
  #peer: PeerCertificate | undefined;
  #memberId: string | undefined;
  #splice: Splice | undefined;
  #lastByteMs = 0;

  /** Counted by the caller's admission already, under the peer's address unless a header is awaited. Takes the socket over: from here every path destroys it. */
  constructor(engine: Engine, front: FrontPlan, raw: net.Socket, peer: Endpoint) {
    this.#engine = engine;
    this.#front = front;
    this.#raw = raw;
    this.#socket = raw;
    this.#source = peer;
    this.#countedAs = front.isBalancer ? null : peer.address;
    this.#opening = new Opening({ header: front.isBalancer !== null, hello: front.compiled.table.kind === "tls" });
    this.#acceptedMs = engine.wheel.nowMs;
    this.deadlineMs = engine.wheel.nowMs + front.compiled.handshakeTimeoutMs;
    raw.on("error", () => this.#failed(raw)).on("close", () => this.#closed());
    engine.wheel.add(this);
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  get countedAs(): string | null {
    return this.#countedAs;
  }

  /** Called once the engine has entered the connection in its tables. */
  start(): void {
    if (this.#raw.destroyed) {
      this.#finish();
      return;
    }
    // A client that ended while it waited for the commit: its end was told before anybody listened.
    if (this.#raw.readableEnded) {
      this.#finish();
      return;
    }
    this.#raw.on("data", this.#onData).on("end", this.#onOpeningEnd);
    // Nothing need be read where bytes go to a member from the first moment: the server may be the one who speaks first.
    this.#advance();
  }

  /** Gives its place to a newer client when all are taken, once it had a quarter of its time (T05). Returns whether it did. */
  makeRoom(nowMs: number): boolean {
    if (!this.#isPending || nowMs - this.#acceptedMs < this.#handshakeTimeoutMs / 4) return false;
    this.#refuse("tls-handshake-timeout", "the connection's opening was not finished when every place for unfinished handshakes was taken");
    return true;
  }

  onDeadline(nowMs: number): void {
    if (this.#phase === "opening" && this.#opening.wantsHeader) this.#refuse("proxy-header-missing", `no PROXY protocol header within ${this.#handshakeTimeoutMs} ms of the connection`);
    else if (this.#phase === "opening" || this.#phase === "handshake") this.#refuse("tls-handshake-timeout", `the TLS ${this.#phase === "opening" ? "ClientHello" : "handshake"} was not finished within ${this.#handshakeTimeoutMs} ms of the connection`);
    else if (this.#phase === "stream") this.#streamDeadline(nowMs);
  }

  /** Ends the connection now, whatever it does. */
  cut(): void {
    if (this.#splice) this.#splice.close();
    this.#finish();
  }

  handshakeFailed(error: unknown): void {
    if (this.#phase !== "handshake") return;
    const failure = classifyHandshakeError(error);
    if (failure) this.#refuse(failure.code, failure.detail);
    else this.#finish();
  }

  established(socket: tls.TLSSocket): void {
    const live = this.#live;
    if (this.#phase !== "handshake" || !live) {
      socket.on("error", () => {}).destroy();
      return;
    }
    this.#socket = socket;
    socket.on("error", () => this.#failed(socket)).on("close", () => this.#closed());
    this.#pendingOver();
    const { counters } = this.#engine;
    counters.handshakes += 1;
    if (socket.isSessionReused()) counters.handshakesResumed += 1;
    const cipher = live.service.algorithms === "fips" ? socket.getCipher().name : undefined;
    if (cipher !== undefined && !isApproved(cipher)) {
      this.#refuse("tls-algorithm", `the handshake agreed on ${cipher}; service ${live.service.name} is restricted to AES-GCM`);
      return;
    }
    const verdict = judgeClient(this.#engine, live, socket);
    this.#peer = verdict.peer;
    if (verdict.kind === "refused") this.#refuse(verdict.code, verdict.detail);
    else this.#forward(live, nothing);
  }

  onBytes(length: number, isUp: boolean): void {
    const totals = this.#live?.totals;
    if (totals) {
      if (isUp) totals.bytesUp += length;
      else totals.bytesDown += length;
      totals.isReported = false;
    }
    this.#lastByteMs = this.#engine.wheel.nowMs;
  }

  onHalfClose(): void {
    this.#lastByteMs = this.#engine.wheel.nowMs;
    this.#setDeadline(this.#live?.service.limits.closingTimeoutMs ?? 0);
  }

  onSpliceEnd(): void {
    this.#finish();
  }

  /** Where the client connected to. */
  get #destination(): Endpoint {
    return this.#toldDestination ?? localEndpoint(this.#raw);
  }

  get #handshakeTimeoutMs(): number {
    return this.#live?.service.limits.handshakeTimeoutMs ?? this.#front.compiled.handshakeTimeoutMs;
  }

  #read(chunk: Buffer): void {
    if (this.#phase !== "opening") return;
    this.#opening.take(chunk);
    this.#advance();
  }

  #advance(): void {
    let step = this.#opening.step();
    if (step.kind === "header") {
      if (!this.#named(step.header)) return;
      step = this.#opening.step();
    }
    if (step.kind === "incomplete" || step.kind === "header") return;
    this.#raw.pause().off("data", this.#onData).off("end", this.#onOpeningEnd);
    if (step.kind === "refused") {
      // Whoever speaks no TLS at all gets no byte: nothing here answers plain HTTP (S0-02).
      if (step.isTls) this.#raw.end(alertRecord("decode_error"));
      this.#refuse(step.code, step.detail);
    } else this.#route(step.serverName, step.bytes);
  }

  readonly #onOpeningEnd = (): void => {
    // The client left, as port scanners and TCP health checks of load balancers do; that is no refusal.
    if (this.#phase === "opening") this.#finish();
  };

  /** Takes the balancer's word for who the client is. False: that client has too many unfinished handshakes and is gone. */
  #named(header: ProxyHeader): boolean {
    this.#source = header.source ?? this.#source;
    this.#toldDestination = header.destination;
    const { admission } = this.#engine;
    if (!admission.named(this.#source.address, this.#front.limits)) {
      this.#refuse("source-limit", `more than ${this.#front.limits.handshakesPerSourceMax} unfinished handshakes from this address`);
      return false;
    }
    this.#countedAs = this.#source.address;
    return true;
  }

  #route(serverName: string | null, bytes: Buffer): void {
    this.#serverName = serverName;
    const match = matchService(this.#front.compiled.table, serverName);
    if (match.kind === "refused") {
      this.#raw.end(alertRecord("unrecognized_name"));
      this.#refuse(match.code, match.detail);
      return;
    }
    const live = this.#front.services.get(match.service.id);
    if (!live || this.#engine.isDraining) {
      this.#refuse("gateway-draining", "the gateway takes no new connections");
      return;
    }
    if (this.#engine.services.isFull(live) || this.#engine.admission.isOver(this.#front.limits)) {
      count(live, "refused", 1);
      this.#refuse("gateway-full", `service ${live.service.name} is at its limit of ${live.service.limits.connectionsMax} connections, or the gateway at its own`);
      return;
    }
    this.#live = live;
    count(live, "connections", 1);
    if (endsTls(live.service.mode)) this.#terminate(live, bytes);
    else this.#forward(live, bytes);
  }

  #terminate(live: LiveService, bytes: Buffer): void {
    const terminator = terminatorFor(live, this.#serverName);
    if (!terminator) {
      this.#finish();
      return;
    }
    this.#phase = "handshake";
    this.deadlineMs = this.#acceptedMs + live.service.limits.handshakeTimeoutMs;
    this.#engine.wheel.add(this);
    this.#untake = terminator.take(this.#raw, bytes, this);
  }

  /** To a member, or to the HTTP engine, which chooses one per request. */
  #forward(live: LiveService, early: Buffer): void {
    this.#pendingOver();
    this.#phase = "dial";
    // Dials have timers of their own, one per address.
    this.deadlineMs = Infinity;
    const work = live.service.protocol === "http" ? this.#handOver(live, early) : this.#dial(live, early);
    work.catch((cause: unknown) => {
      // Failures come as results; a rejection is a bug of ours and must still end the connection.
      this.#engine.log("error", `connection ${this.id}: ${cause instanceof Error ? cause.message : String(cause)}`);
      this.#finish();
    });
  }

  async #dial(live: LiveService, early: Buffer): Promise<void> {
    const reached = await reachMember(this.#engine.services, live, this.#asMemberClient(live));
    if (reached.kind === "connected") this.#connected(live, reached, early);
    else if (reached.kind === "failed") this.#refuse(reached.code, reached.detail);
    else this.#finish();
  }

  #asMemberClient(live: LiveService): MemberClient {
    const isGone = (): boolean => this.#phase !== "dial" || this.#raw.destroyed;
    return {
      get isOver() {
        return isGone();
      },
      source: this.#source,
      destination: () => this.#destination,
      serverName: this.#serverName,
      enter: (memberId) => this.#enterMember(live, memberId),
      leave: () => this.#leaveMember(),
    };
  }

  async #handOver(live: LiveService, early: Buffer): Promise<void> {
    const engine = await connectHttpEngine(this.#engine.services.httpSocket, {
      source: this.#source,
      destination: this.#destination,
      alpn: alpnOf(this.#socket),
      serverName: this.#serverName,
      serviceId: live.service.id,
      connectionId: this.id,
      isTls: endsTls(live.service.mode),
      clientCertificate: this.#peer?.der.toString("base64") ?? null,
    }, this);
    if (this.#phase !== "dial" || this.#raw.destroyed) {
      engine?.destroy();
      this.#finish();
    } else if (engine) this.#connected(live, { socket: engine, raw: engine }, early);
    else this.#refuse("service-no-member", `service ${live.service.name}: the gateway's HTTP engine does not answer`);
  }

  #connected(live: LiveService, server: Pick<MemberSocket, "socket" | "raw">, early: Buffer): void {
    this.#phase = "stream";
    count(live, "opened", 1);
    this.#lastByteMs = this.#engine.wheel.nowMs;
    this.#setDeadline(live.service.limits.idleTimeoutMs);
    if (early.length > 0) {
      server.socket.write(early);
      this.onBytes(early.length, true);
    }
    this.#splice = new Splice({ client: this.#socket, clientRaw: this.#raw, server: server.socket, serverRaw: server.raw, owner: this });
    this.#splice.start();
  }

  #streamDeadline(nowMs: number): void {
    const limits = this.#live?.service.limits;
    const dueMs = this.#lastByteMs + (this.#splice?.isHalfClosed === true ? (limits?.closingTimeoutMs ?? 0) : (limits?.idleTimeoutMs ?? 0));
    if (dueMs > nowMs) this.deadlineMs = dueMs;
    else this.cut();
  }

  #setDeadline(timeoutMs: number): void {
    this.deadlineMs = this.#engine.wheel.nowMs + timeoutMs;
    this.#engine.wheel.add(this);
  }

  #enterMember(live: LiveService, memberId: string): void {
    this.#memberId = memberId;
    this.#engine.services.pools.opened(live.service.id, memberId);
    this.#engine.services.enterMember(memberId, this);
  }

  #leaveMember(): void {
    if (this.#memberId === undefined || !this.#live) return;
    this.#engine.services.pools.closed(this.#live.service.id, this.#memberId);
    this.#engine.services.leaveMember(this.#memberId, this);
    this.#memberId = undefined;
  }

  /** Records the refusal and closes; before TLS is ended there is no way to say why but an alert, which the caller has sent. */
  #refuse(code: RefusalCode, detail: string): void {
    if (this.#phase === "over") return;
    if (this.#live) count(this.#live, "refused", 1);
    this.#engine.refuse({
      code,
      detail: printable(detail).slice(0, 500),
      connectionId: this.id,
      source: endpointText(this.#source),
      serverName: this.#serverName === null ? null : printable(this.#serverName).slice(0, 253),
      target: this.#live?.service.name.slice(0, 300) ?? null,
      certificate: this.#peer?.summary ?? null,
    });
    this.#finish();
  }

  #failed(socket: net.Socket): void {
    socket.destroy();
    // In a stream the splice hears the same error and hands the cut on.
    if (this.#phase !== "stream") this.#finish();
  }

  #closed(): void {
    if (this.#phase !== "stream") this.#finish();
  }

  #pendingOver(): void {
    if (!this.#isPending) return;
    this.#isPending = false;
    this.#untake?.();
    this.#engine.admission.handshakeOver(this, this.#countedAs);
  }

  /** The one end of every path: counted once, both sockets gone, off the wheel and out of every table. */
  #finish(): void {
    if (this.#phase === "over") return;
    this.#pendingOver();
    this.#leaveMember();
    this.#phase = "over";
    this.deadlineMs = Infinity;
    this.#engine.wheel.remove(this);
    if (this.#live) count(this.#live, "connections", -1);
    if (this.#socket !== this.#raw) this.#socket.destroy();
    this.#destroyRaw();
    this.#engine.leave(this);
  }

  /** An alert that was just written must still go out: then the end of the writes destroys the socket. */
  #destroyRaw(): void {
    if (this.#raw.writableEnded && !this.#raw.writableFinished) this.#raw.destroySoon();
    else this.#raw.destroy();
  }
}

function alpnOf(socket: net.Socket): string | null {
  const protocol: unknown = "alpnProtocol" in socket ? socket.alpnProtocol : null;
  return typeof protocol === "string" ? protocol : null;
}
