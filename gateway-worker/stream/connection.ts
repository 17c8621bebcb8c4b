/**
 * One accepted connection, from accept to its end (S0-13 to S0-18). States:
 *
 *   handshake -> head -> dial -> tunnel -> over        connect mode
 *   handshake ---------> dial -> tunnel -> over        direct mode
 *   any -> answering -> over                           refused with an HTTP answer
 *
 * Nothing of the back end, no DNS look-up and no socket, is touched before `dial`, and `dial` is reached only through the verdict (S0-17).
 * There may be tens of thousands of these: handlers are shared functions, deadlines live on one wheel.
 */
import type net from "node:net";
import type tls from "node:tls";
import type { TunnelReport } from "../../contract/control.ts";
import { refusals } from "../../contract/error-codes.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { isApproved } from "../net/ciphers.ts";
import { resetSocket } from "../net/close.ts";
import type { Timed } from "../net/deadline.ts";
import { Splice } from "../net/splice.ts";
import type { SpliceEnd, SpliceOwner } from "../net/splice.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import type { Reportable } from "../observe/tunnel-ledger.ts";
import type { Admitted } from "../runtime/access-table.ts";
import type { Compiled } from "../runtime/compile.ts";
import { matchDirect, matchTarget } from "../routing/match.ts";
import type { Match, Route } from "../routing/match.ts";
import { answerText } from "./answer.ts";
import { printable, readConnectHead } from "./connect-head.ts";
import type { Engine } from "./engine.ts";
import type { StreamListener } from "./listener.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { classifyHandshakeError } from "./tls.ts";
import { hasEnded, judge } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

type Phase = "handshake" | "head" | "dial" | "tunnel" | "answering" | "over";
type Who = Extract<Verdict, { kind: "admitted" }>;

export const connectionOf = Symbol("connection");
export type ConnectionSocket = net.Socket & { [connectionOf]?: Connection };

/** A refused client gets this long to read its answer, milliseconds. */
const answerTimeoutMs = 2_000;
const keepAliveMs = 60_000;
const nothing: Buffer = Buffer.alloc(0);

export class Connection implements Timed, Admitted, SpliceOwner, Reportable {
  readonly id = nextConnectionId();
  /** Address and port of the client, as logs write it; behind a load balancer what its PROXY header says. */
  readonly source: string;
  /** Address and port of the TCP peer. */
  readonly peer: string;
  deadlineMs: number;
  isMarked = false;
  reportedAtMs = 0;
  readonly #engine: Engine;
  readonly #listener: StreamListener;
  /** The accepted TCP socket; on Bun it is also the TLS socket. */
  readonly #raw: ConnectionSocket;
  /** The source without its port: what admission counts by. */
  readonly #address: string;
  readonly #acceptedMs: number;
  #socket: (tls.TLSSocket & ConnectionSocket) | undefined;
  #phase: Phase = "handshake";
  #peer: PeerCertificate | undefined;
  #who: Who | undefined;
  #head: Buffer | undefined;
  #target: string | null = null;
  #route: Route | undefined;
  #splice: Splice | undefined;
  #openedAt = 0;
  #lastByteMs = 0;
  #bytesUp = 0;
  #bytesDown = 0;
  #endReason: string | null = null;

  /** Counted by the caller's admission already. Takes the socket over: from here every path destroys it. */
  constructor(engine: Engine, listener: StreamListener, raw: net.Socket, from: { source: string; address: string; peer: string; acceptedMs: number }) {
    this.#engine = engine;
    this.#listener = listener;
    this.#raw = raw;
    this.source = from.source;
    this.#address = from.address;
    this.peer = from.peer;
    this.#acceptedMs = from.acceptedMs;
    this.deadlineMs = from.acceptedMs + listener.limits.handshakeTimeoutMs;
    this.#raw[connectionOf] = this;
    raw.on("error", onRawError).on("close", onClose);
    raw.setNoDelay(true);
    raw.setKeepAlive(true, keepAliveMs);
    engine.wheel.add(this);
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  get fingerprint(): string {
    return this.#peer?.fingerprint ?? "";
  }

  /** The handshake failed before a verdict was possible. */
  handshakeFailed(error: unknown): void {
    if (this.#phase !== "handshake") return;
    const failure = classifyHandshakeError(error);
    if (failure) this.#record(failure.code, failure.detail);
    this.#finish();
  }

  /** The handshake is done: verdict first, then the head or the dial. */
  established(socket: tls.TLSSocket): void {
    if (this.#phase !== "handshake") {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    this.#socket[connectionOf] = this;
    if (this.#raw !== this.#socket) socket.on("error", onTlsError).on("close", onClose);
    this.#handshakeOver();
    this.#engine.counters.handshakes += 1;
    if (socket.isSessionReused()) this.#engine.counters.handshakesResumed += 1;
    const { compiled } = this.#engine;
    if (!compiled || this.#engine.isDraining || this.#listener.isClosed) this.#refuse("gateway-draining", "the gateway takes no new tunnels");
    else this.#judge(socket, compiled);
  }

  /** Gives its place to a newer client when all are taken, once it had a quarter of its time (T05). Returns whether it did. */
  makeRoom(nowMs: number): boolean {
    if (this.#phase !== "handshake" || nowMs - this.#acceptedMs < this.#listener.limits.handshakeTimeoutMs / 4) return false;
    this.#record("tls-handshake-timeout", "the TLS handshake was not finished when every place for unfinished handshakes was taken");
    this.#finish();
    return true;
  }

  onDeadline(nowMs: number): void {
    if (this.#phase === "handshake") {
      this.#record("tls-handshake-timeout", `the TLS handshake was not finished within ${this.#listener.limits.handshakeTimeoutMs} ms of the connection`);
      this.#finish();
    } else if (this.#phase === "head") this.#refuse("request-timeout", `no complete CONNECT request within ${this.#listener.limits.requestTimeoutMs} ms of the handshake`);
    else if (this.#phase === "tunnel") this.#tunnelDeadline(nowMs);
    else if (this.#phase === "answering") this.#finish();
  }

  /** Access was withdrawn while the connection was open (T10). */
  end(reason: "agent-revoked" | "certificate-superseded" | "agent-unknown"): void {
    this.#close(reason);
  }

  /** Ends the connection now, whatever it does; `reason` is what the tunnel's report says. */
  #close(reason: string): void {
    if (this.#phase === "over") return;
    this.#endReason ??= reason;
    if (this.#splice) this.#splice.close();
    else this.#finish();
  }

  /** The drain's time is up. */
  cut(): void {
    this.#close("gateway-draining");
  }

  get isTunnel(): boolean {
    return this.#phase === "tunnel";
  }

  #judge(socket: tls.TLSSocket, compiled: Compiled): void {
    const error: unknown = socket.authorizationError;
    const cipher = this.#listener.compiled.listener.algorithms === "fips" ? socket.getCipher().name : undefined;
    if (cipher !== undefined && !isApproved(cipher)) {
      this.#refuse("tls-algorithm", `the handshake agreed on ${cipher}; this gateway is restricted to AES-GCM`);
      return;
    }
    this.#peer = this.#engine.certificates.of(socket, socket.authorized);
    const verdict = judge({ isAuthorized: socket.authorized, authorizationError: error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error), peer: this.#peer, compiled, access: this.#engine.accessOf, nowMs: Date.now() });
    if (verdict.kind === "refused") {
      this.#refuse(verdict.code, verdict.detail);
      return;
    }
    this.#who = verdict;
    this.#engine.access.enter(verdict.identity.kind, verdict.identity.id, this);
    if (this.#engine.admission.isOver(this.#listener.limits)) {
      this.#refuse("gateway-full", `the gateway is at its limit of ${this.#listener.limits.connectionsMax} connections`);
      return;
    }
    const { mode } = this.#listener.compiled.listener;
    if (mode.kind === "direct") this.#dial(matchDirect(compiled.routes, mode.serverId, mode.port, verdict.identity.kind === "bundle"), nothing);
    else this.#awaitHead(socket);
  }

  #awaitHead(socket: tls.TLSSocket): void {
    this.#phase = "head";
    this.#setDeadline(this.#listener.limits.requestTimeoutMs);
    socket.on("data", onHeadData).on("end", onHeadEnd);
  }

  headData(chunk: Buffer): void {
    if (this.#phase !== "head") return;
    const bytes = this.#head ? Buffer.concat([this.#head, chunk]) : chunk;
    const head = readConnectHead(bytes);
    if (head.kind === "incomplete") {
      this.#head = bytes;
      return;
    }
    this.#head = undefined;
    // A complete head was read from a live socket in phase "head", and `compiled` was there when that phase began; it is only ever replaced.
    const compiled = this.#engine.compiled as Compiled;
    this.#socket?.pause().off("data", onHeadData).off("end", onHeadEnd);
    this.#target = head.target === null ? null : printable(head.target).slice(0, 300);
    if (head.kind === "refused") this.#refuse(head.code, head.detail);
    else this.#dial(matchTarget(compiled.routes, head.target, this.#who?.identity.kind === "bundle"), bytes.subarray(head.headLength));
  }

  headEnded(): void {
    if (this.#phase === "head") this.#finish();
  }

  #dial(match: Match, early: Buffer): void {
    if (match.kind === "refused") {
      this.#refuse(match.code, match.detail);
      return;
    }
    this.#phase = "dial";
    this.#route = match.route;
    // The dial has timers of its own, one per address.
    this.deadlineMs = Infinity;
    this.#target ??= `${match.route.host}:${match.route.port}`;
    this.#engine.dialer.dial({ route: match.route, connectTimeoutMs: this.#listener.limits.connectTimeoutMs, caller: this }).then(
      (result) => {
        if (result.kind === "connected") this.#connected(result.socket, early);
        else if (this.#phase === "dial") this.#refuse(result.code, result.detail);
      },
      // `dial` reports failures as results; a rejection is a bug of ours and must still end the connection.
      (cause: unknown) => {
        this.#engine.log("error", `connection ${this.id}: ${cause instanceof Error ? cause.message : String(cause)}`);
        this.#finish();
      },
    );
  }

  #connected(server: net.Socket, early: Buffer): void {
    const socket = this.#socket;
    if (this.#phase !== "dial" || !socket || socket.destroyed) {
      resetSocket(server);
      this.#finish();
      return;
    }
    this.#phase = "tunnel";
    this.#openedAt = Date.now();
    this.#lastByteMs = this.#engine.wheel.nowMs;
    this.#setDeadline(this.#listener.limits.idleTimeoutMs);
    this.#engine.tunnelOpened(this);
    if (this.#listener.compiled.listener.mode.kind === "connect") socket.write(`HTTP/1.1 200 Connection established\r\nSallyport-Connection-Id: ${this.id}\r\n\r\n`);
    if (early.length > 0) {
      server.write(early);
      this.onBytes(early.length, true);
    }
    this.#splice = new Splice({ client: socket, clientRaw: this.#raw, server, serverRaw: server, owner: this });
    this.#splice.start();
  }

  onBytes(length: number, isUp: boolean): void {
    if (isUp) this.#bytesUp += length;
    else this.#bytesDown += length;
    this.#lastByteMs = this.#engine.wheel.nowMs;
    if (!this.isMarked) this.#engine.ledger.mark(this);
  }

  onHalfClose(): void {
    this.#lastByteMs = this.#engine.wheel.nowMs;
    this.#setDeadline(this.#listener.limits.closingTimeoutMs);
  }

  onSpliceEnd(end: SpliceEnd): void {
    this.#endReason ??= end;
    this.#finish();
  }

  #tunnelDeadline(nowMs: number): void {
    const { limits } = this.#listener;
    if (this.#who && hasEnded(this.#who.entry, Date.now())) {
      this.#close("agent-revoked");
      return;
    }
    const isClosing = this.#splice?.isHalfClosed === true;
    const dueMs = this.#lastByteMs + (isClosing ? limits.closingTimeoutMs : limits.idleTimeoutMs);
    if (dueMs > nowMs) this.deadlineMs = Math.min(dueMs, this.#accessEndMs(nowMs));
    else this.#close(isClosing ? "closing-timeout" : "idle-timeout");
  }

  #setDeadline(timeoutMs: number): void {
    const { wheel } = this.#engine;
    this.deadlineMs = Math.min(wheel.nowMs + timeoutMs, this.#accessEndMs(wheel.nowMs));
    wheel.add(this);
  }

  /** When the access entry itself ends, on the wheel's clock. */
  #accessEndMs(nowMs: number): number {
    const expiresAt = this.#who?.entry.expiresAt ?? null;
    return expiresAt === null ? Infinity : nowMs + Math.max(0, expiresAt * 1000 - Date.now());
  }

  #record(code: RefusalCode, detail: string): void {
    this.#engine.refusals.add({
      code,
      detail: printable(detail).slice(0, 500),
      connectionId: this.id,
      source: this.source,
      listenerId: this.#listener.compiled.listener.id,
      serverName: serverNameOf(this.#socket),
      target: this.#target,
      agentId: this.#who?.identity.kind === "agent" || this.#peerIsProven() ? (this.#peer?.identity?.id ?? null) : null,
      certificate: this.#peer?.summary ?? null,
    });
    this.#engine.refusalWaits();
  }

  /** The identity may be named only when the handshake verified the chain; otherwise anybody could fill another agent's page. */
  #peerIsProven(): boolean {
    return this.#socket?.authorized === true && this.#peer?.identity?.kind === "agent";
  }

  /** Records the refusal and, in connect mode, says why before closing. */
  #refuse(code: RefusalCode, detail: string): void {
    this.#record(code, detail);
    const socket = this.#socket;
    const { status } = refusals[code];
    if (!socket || socket.destroyed || status === 0 || this.#listener.compiled.listener.mode.kind === "direct") {
      this.#finish();
      return;
    }
    this.#phase = "answering";
    this.#setDeadline(answerTimeoutMs);
    // What the client still sends is read and dropped: closing with unread bytes would reset the connection and lose the answer.
    socket.off("data", onHeadData).off("end", onHeadEnd).on("data", drop).on("end", onAnswered).resume();
    socket.end(answerText(code, this.id));
  }

  answered(): void {
    if (this.#phase === "answering" && this.#socket?.writableFinished) this.#finish();
  }

  closed(): void {
    if (this.#phase !== "tunnel") this.#finish();
  }

  failed(): void {
    // In a tunnel the splice hears the same error and hands the cut on.
    if (this.#phase !== "tunnel") this.#finish();
  }

  #handshakeOver(): void {
    if (this.#phase !== "handshake") return;
    this.#phase = "head";
    this.#engine.admission.handshakeOver(this, this.#address);
  }

  /** The one end of every path: counted once, both sockets gone, off the wheel and out of every table. */
  #finish(): void {
    if (this.#phase === "over") return;
    const wasTunnel = this.#phase === "tunnel";
    this.#handshakeOver();
    this.#phase = "over";
    this.deadlineMs = Infinity;
    this.#engine.wheel.remove(this);
    if (this.#who) this.#engine.access.leave(this.#who.identity.kind, this.#who.identity.id, this);
    this.#socket?.destroy();
    this.#raw.destroy();
    this.#head = undefined;
    this.#engine.connectionOver(this, this.#listener, wasTunnel);
  }

  get bytes(): { up: number; down: number } {
    return { up: this.#bytesUp, down: this.#bytesDown };
  }

  report(): TunnelReport {
    const openedAt = new Date(this.#openedAt).toISOString();
    const lastByteAt = new Date(Math.max(this.#openedAt, Date.now() - (performance.now() - this.#lastByteMs))).toISOString();
    const isOver = this.#phase === "over";
    return { agentId: this.#who?.identity.id ?? "", connectionId: this.id, serverId: this.#route?.server.id ?? "", source: this.source, step: "proxying", openedAt, lastByteAt, bytesUp: this.#bytesUp, bytesDown: this.#bytesDown, relayPath: [], endedAt: isOver ? new Date().toISOString() : null, endReason: isOver ? this.#endReason : null };
  }
}

/** The SNI the client sent; types say string | false | null. */
function serverNameOf(socket: tls.TLSSocket | undefined): string | null {
  const name: unknown = socket && "servername" in socket ? socket.servername : undefined;
  return typeof name === "string" && name !== "" ? printable(name).slice(0, 253) : null;
}

function onHeadData(this: ConnectionSocket, chunk: Buffer): void {
  this[connectionOf]?.headData(chunk);
}
function onHeadEnd(this: ConnectionSocket): void {
  this[connectionOf]?.headEnded();
}
function onAnswered(this: ConnectionSocket): void {
  this[connectionOf]?.answered();
}
function onClose(this: ConnectionSocket): void {
  this[connectionOf]?.closed();
}
/** Every error destroys its socket (H1, H2). The accepted socket's error before or beneath TLS: */
function onRawError(this: ConnectionSocket): void {
  this.destroy();
  this[connectionOf]?.failed();
}
/** ... and of the TLS layer after the handshake, such as a malformed record (T09). */
function onTlsError(this: ConnectionSocket): void {
  this.destroy();
  this[connectionOf]?.failed();
}
function drop(): void {
  // Bytes of a refused client.
}
