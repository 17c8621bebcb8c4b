/**
 * One accepted connection, from accept to its end (S0-13 to S0-18). States:
 *
 *   handshake -> head -> carrying -> over          HTTP CONNECT: a tunnel
 *   handshake ---------> carrying -> over          direct mode: a tunnel; `sallyport/1`: an agent's channel; a relay's agent to the agent site: a tunnel
 *   handshake -> greeting -> carrying -> over      `sallyport-relay/1`: counted as unfinished until the relay is known
 *   any -> answering -> over                       refused with an HTTP answer
 *
 * Nothing of the back end, no DNS look-up and no socket, is touched before `carrying`, and agents come there only through the verdict (S0-17).
 * There may be tens of thousands of these: handlers are shared functions, deadlines live on one wheel.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { channelAlpn } from "../../contract/channel.ts";
import type { RelayHop } from "../../contract/channel.ts";
import { relayAlpn } from "../../contract/relay.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";
import { refusals } from "../../contract/error-codes.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { isApproved } from "../net/ciphers.ts";
import type { Timed } from "../net/deadline.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import type { AccessEnd, Admitted } from "../runtime/access-table.ts";
import type { Compiled } from "../runtime/compile.ts";
import { matchDirect, matchTarget } from "../routing/match.ts";
import type { Match } from "../routing/match.ts";
import { answerText } from "./answer.ts";
import { Channel } from "./channel.ts";
import type { ChannelOwner } from "./channel.ts";
import { printable, readConnectHead } from "./connect-head.ts";
import type { Engine } from "./engine.ts";
import type { StreamListener } from "./listener.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { refuseChannel } from "./refused-channel.ts";
import { RelaySession } from "./relay-session.ts";
import type { Passage, RelayOwner } from "./relay-session.ts";
import { classifyHandshakeError } from "./tls.ts";
import { Tunnel } from "./tunnel.ts";
import type { TunnelOwner } from "./tunnel.ts";
import { judge } from "./verdict.ts";
import type { AdmittedClient } from "./verdict.ts";

type Phase = "handshake" | "greeting" | "head" | "carrying" | "answering" | "over";
/** What a connection became: it tells through its owner when it is over. */
type Carried = { close: (reason: string) => void };

export const connectionOf = Symbol("connection");
/** What was accepted: a TCP socket, or the stream in which a relay carries a connection. */
export type ConnectionSocket = Duplex & { [connectionOf]?: Connection };

export type ConnectionOrigin = {
  /** Address and port of the client, as logs write it; behind a load balancer what its PROXY header says, behind a relay what the relay says. */
  source: string;
  /** What admission counts by: the address, and for a relay's connection the relay before it. */
  address: string;
  /** Address and port of the TCP peer; empty for a relay's connection. */
  peer: string;
  acceptedMs: number;
  passage: Passage | null;
};

/** A refused client gets this long to read its answer, milliseconds. */
const answerTimeoutMs = 2_000;
const keepAliveMs = 60_000;
const nothing: Buffer = Buffer.alloc(0);

export class Connection implements Timed, Admitted, TunnelOwner, ChannelOwner, RelayOwner {
  readonly id = nextConnectionId();
  readonly source: string;
  readonly peer: string;
  deadlineMs: number;
  readonly #engine: Engine;
  readonly #listener: StreamListener;
  /** On Bun an accepted TCP socket is also the TLS socket. */
  readonly #raw: ConnectionSocket;
  readonly #address: string;
  readonly #passage: Passage | null;
  readonly #acceptedMs: number;
  #socket: (tls.TLSSocket & ConnectionSocket) | undefined;
  #phase: Phase = "handshake";
  #isPending = true;
  #peer: PeerCertificate | undefined;
  #who: AdmittedClient | undefined;
  #head: Buffer | undefined;
  #target: string | null = null;
  #carried: Carried | undefined;

  /** Counted by the caller's admission already. Takes the socket over: from here every path destroys it. */
  constructor(engine: Engine, listener: StreamListener, raw: Duplex, from: ConnectionOrigin) {
    this.#engine = engine;
    this.#listener = listener;
    this.#raw = raw;
    this.source = from.source;
    this.#address = from.address;
    this.peer = from.peer;
    this.#passage = from.passage;
    this.#acceptedMs = from.acceptedMs;
    this.deadlineMs = from.acceptedMs + listener.limits.handshakeTimeoutMs;
    this.#raw[connectionOf] = this;
    raw.on("error", onRawError).on("close", onClose);
    if (raw instanceof net.Socket) {
      raw.setNoDelay(true);
      raw.setKeepAlive(true, keepAliveMs);
    }
    engine.wheel.add(this);
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  get fingerprint(): string {
    return this.#peer?.fingerprint ?? "";
  }

  get certificate(): PeerCertificate | undefined {
    return this.#peer;
  }

  get relayPath(): readonly RelayHop[] {
    return this.#passage?.path ?? [];
  }

  get admitted(): AdmittedClient | null {
    return this.#who ?? null;
  }

  get limits(): ListenerLimits {
    return this.#listener.limits;
  }

  get listener(): StreamListener {
    return this.#listener;
  }

  /** The handshake failed before a verdict was possible. */
  handshakeFailed(error: unknown): void {
    if (this.#phase !== "handshake") return;
    const failure = classifyHandshakeError(error);
    if (failure) this.record(failure.code, failure.detail);
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
    this.#engine.counters.handshakes += 1;
    if (socket.isSessionReused()) this.#engine.counters.handshakesResumed += 1;
    const { compiled } = this.#engine;
    if (socket.alpnProtocol !== relayAlpn) this.#handshakeOver();
    const cipher = this.#listener.compiled.listener.algorithms === "fips" ? socket.getCipher().name : undefined;
    if (cipher !== undefined && !isApproved(cipher)) this.#refuse("tls-algorithm", `the handshake agreed on ${cipher}; this gateway is restricted to AES-GCM`);
    else if (!compiled || this.#engine.isDraining || this.#listener.isClosed) this.#refuse("gateway-draining", "the gateway takes no new tunnels");
    else if (socket.alpnProtocol === relayAlpn) this.#greet(socket);
    else this.#judge(socket, compiled);
  }

  /** The ClientHello asks for the agent site (S4-21): its bytes go there as they are. Only for what a relay carries; the agent site proves and asks for itself. */
  toAgentSite(match: Match): void {
    if (this.#phase !== "handshake") return;
    this.#handshakeOver();
    this.#dial(match, this.#raw, nothing);
  }

  /** Gives its place to a newer client when all are taken, once it had a quarter of its time (T05). Returns whether it did. */
  makeRoom(nowMs: number): boolean {
    if (!this.#isPending || nowMs - this.#acceptedMs < this.#listener.limits.handshakeTimeoutMs / 4) return false;
    this.record("tls-handshake-timeout", "the TLS handshake was not finished when every place for unfinished handshakes was taken");
    this.#finish();
    return true;
  }

  onDeadline(): void {
    if (this.#phase === "handshake") {
      this.record("tls-handshake-timeout", `the TLS handshake was not finished within ${this.#listener.limits.handshakeTimeoutMs} ms of the connection`);
      this.#finish();
    } else if (this.#phase === "greeting") {
      this.record("channel-protocol", `the relay said no hello within ${this.#listener.limits.handshakeTimeoutMs} ms of the connection`);
      this.#close("hello-timeout");
    } else if (this.#phase === "head") this.#refuse("request-timeout", `no complete CONNECT request within ${this.#listener.limits.requestTimeoutMs} ms of the handshake`);
    else if (this.#phase === "answering") this.#finish();
  }

  /** Access was withdrawn while the connection was open (T10). */
  end(reason: AccessEnd): void {
    this.#close(reason);
  }

  /** Ends the connection now, whatever it does; `reason` is what the tunnel's report says. */
  #close(reason: string): void {
    if (this.#phase === "over") return;
    if (this.#carried) this.#carried.close(reason);
    else this.#finish();
  }

  /** The drain's time is up. */
  cut(): void {
    this.#close("gateway-draining");
  }

  #judge(socket: tls.TLSSocket, compiled: Compiled): void {
    const error: unknown = socket.authorizationError;
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
    const isBundle = verdict.identity.kind === "bundle";
    if (socket.alpnProtocol === channelAlpn) this.#openChannel(socket, verdict);
    else if (mode.kind === "direct") this.#dial(matchDirect(compiled.routes, mode.serverId, mode.port, isBundle), socket, nothing);
    else this.#awaitHead(socket);
  }

  #openChannel(socket: tls.TLSSocket, who: AdmittedClient): void {
    if (who.identity.kind === "bundle") {
      this.#refuse("certificate-identity", "an enrolment bundle may not open a channel; only enrolled agents may");
      return;
    }
    this.#phase = "carrying";
    this.deadlineMs = Infinity;
    this.#carried = new Channel(this.#engine, this, { socket, who });
  }

  /** A relay, as far as its ALPN says; it stays an unfinished handshake until its id and certificate are known (X4-04). */
  #greet(socket: tls.TLSSocket): void {
    this.#phase = "greeting";
    this.#peer = this.#engine.certificates.of(socket, false);
    if (!this.#peer) {
      this.#refuse("certificate-missing", "the relay presented no certificate");
      return;
    }
    this.#carried = new RelaySession(this.#engine, this, socket);
  }

  greeted(): void {
    if (this.#phase !== "greeting") return;
    this.#handshakeOver();
    this.#phase = "carrying";
    this.deadlineMs = Infinity;
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
    else if (this.#socket) this.#dial(matchTarget(compiled.routes, head.target, this.#who?.identity.kind === "bundle"), this.#socket, bytes.subarray(head.headLength));
  }

  headEnded(): void {
    if (this.#phase === "head") this.#finish();
  }

  #dial(match: Match, client: Duplex, early: Buffer): void {
    if (match.kind === "refused") {
      this.#refuse(match.code, match.detail);
      return;
    }
    this.#phase = "carrying";
    // The tunnel has deadlines of its own.
    this.deadlineMs = Infinity;
    this.#target ??= `${match.route.host}:${match.route.port}`;
    this.#carried = new Tunnel(this.#engine, this, { route: match.route, client, clientRaw: this.#raw, early });
  }

  accepted(): void {
    if (this.#listener.compiled.listener.mode.kind === "connect" && this.#socket) this.#socket.write(`HTTP/1.1 200 Connection established\r\nSallyport-Connection-Id: ${this.id}\r\n\r\n`);
  }

  dialFailed(code: RefusalCode, detail: string): void {
    this.#carried = undefined;
    this.#refuse(code, detail);
  }

  tunnelOver(): void {
    this.#finish();
  }

  channelOver(): void {
    this.#finish(true);
  }

  relayOver(): void {
    this.#finish(true);
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

  /** Reports a refusal of this connection, or of what it carries. */
  record(code: RefusalCode, detail: string, target: string | null = this.#target): void {
    this.#engine.refusals.add({
      code,
      detail: printable(detail).slice(0, 500),
      connectionId: this.id,
      source: this.source,
      listenerId: this.#listener.compiled.listener.id,
      serverName: serverNameOf(this.#socket),
      target,
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
    this.record(code, detail);
    const socket = this.#socket;
    const { status } = refusals[code];
    const isChannel = socket?.alpnProtocol === channelAlpn;
    if (!socket || socket.destroyed || socket.alpnProtocol === relayAlpn || (!isChannel && (status === 0 || this.#listener.compiled.listener.mode.kind === "direct"))) {
      this.#finish();
      return;
    }
    this.#phase = "answering";
    this.#setDeadline(answerTimeoutMs);
    if (isChannel) {
      this.#carried = refuseChannel(socket, code, () => this.#finish(true));
      return;
    }
    // What the client still sends is read and dropped: closing with unread bytes would reset the connection and lose the answer.
    socket.off("data", onHeadData).off("end", onHeadEnd).on("data", drop).on("end", onAnswered).resume();
    socket.end(answerText(code, this.id));
  }

  answered(): void {
    if (this.#phase === "answering" && this.#socket?.writableFinished) this.#finish();
  }

  closed(): void {
    if (this.#phase === "over") this.#raw.destroy();
    // In an open tunnel the splice hears the same and hands the cut on; a session hears its socket's end itself.
    if (!(this.#carried instanceof Tunnel)) this.#close("client-reset");
    else if (!this.#carried.isOpen) this.#carried.close("client-reset");
  }

  #handshakeOver(): void {
    if (!this.#isPending) return;
    this.#isPending = false;
    this.#engine.admission.handshakeOver(this, this.#address, this.#passage?.relayId);
  }

  /** The one end of every path: counted once, both sockets gone, off the wheel and out of every table. `isEnding`: the session that was carried says good-bye and destroys the TLS socket itself. */
  #finish(isEnding = false): void {
    if (this.#phase === "over") return;
    this.#handshakeOver();
    this.#phase = "over";
    this.deadlineMs = Infinity;
    this.#engine.wheel.remove(this);
    if (this.#who) this.#engine.access.leave(this.#who.identity.kind, this.#who.identity.id, this);
    if (!isEnding) {
      this.#socket?.destroy();
      this.#raw.destroy();
    }
    this.#head = undefined;
    this.#engine.connectionOver(this, this.#listener);
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
  this[connectionOf]?.closed();
}
/** ... and of the TLS layer after the handshake, such as a malformed record (T09). */
function onTlsError(this: ConnectionSocket): void {
  this.destroy();
  this[connectionOf]?.closed();
}
function drop(): void {
  // Bytes of a refused client.
}
