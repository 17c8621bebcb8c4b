/**
 * One listening address of an engine. States: new -> bound -> accepting (full) -> draining -> closed.
 * Its socket stays while address, port and mode stay; certificates, anchors and limits are renewed on the living socket.
 * Connections that relays carry come to the same TLS servers as those at the port.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import net from "node:net";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import type { EngineListener, EngineListenerState } from "../engine-messages.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";
import type { Endpoint } from "../net/proxy-protocol.ts";
import { writeStreamHead } from "../net/stream-head.ts";
import { subnetList } from "../net/sources.ts";
import type { Match } from "../routing/match.ts";
import type { CompiledListener } from "../runtime/compile.ts";
import { connectionOf } from "./connection.ts";
import type { Connection, ConnectionSocket } from "./connection.ts";
import { firstHello } from "./first-hello.ts";
import { endpointText, peerEndpoint } from "./peer-address.ts";
import type { Passage } from "./relay-session.ts";
import { listenerProtocols, secureContextOptions, serverOptions } from "./tls.ts";

/** A connection in a relay's session. `source`: what the relay says of it, for people. `isDialled`: the gateway had the relay dial, and nothing more is to be answered. */
export type Relayed = { source: string; passage: Passage; isDialled?: boolean };

export type ListenerHost = {
  /**
   * A TCP connection was accepted; returns its record, or undefined when it was turned away (and destroyed). `client`: who a load
   * balancer says the client is, and when it was accepted on the wheel's clock.
   */
  accepted: (listener: StreamListener, raw: net.Socket, client?: { source: Endpoint; acceptedMs: number }) => Connection | undefined;
  /** A relay brings a connection; returns its record, or why it is turned away (the stream is left alone). */
  acceptedRelayed: (listener: StreamListener, stream: Duplex, relayed: Relayed) => Connection | "gateway-full" | "source-limit" | "gateway-draining";
  /** Where the ClientHello of a relay's connection leads when not to this listener: the agent site. */
  agentSite: (listener: StreamListener, serverName: string | null) => Match | undefined;
  /** A TCP connection was accepted where load balancers send PROXY headers. Calls back, once a header of a listed one was read, with the socket paused. */
  awaitHeader: (listener: StreamListener, raw: net.Socket, onHeader: (client: { source: Endpoint; acceptedMs: number }, read: Buffer) => void) => void;
};

/** Finished handshakes held between bind and commit, when the port already serves through other engines. */
const earlyMax = 256;
const backlog = 4_096;

export class StreamListener {
  compiled: CompiledListener;
  /** Connections that came through this listener and still live. */
  connections = 0;
  readonly #host: ListenerHost;
  /** Speaks `listenerProtocols`. */
  readonly #server: tls.Server;
  /** Speaks none, for clients of a direct listener that offer whatever their server understands; undefined in connect mode. */
  readonly #plain: tls.Server | undefined;
  /** What listens: the TLS server itself, or a plain one in front of it that reads PROXY headers or the ClientHello first. */
  readonly #listening: net.Server;
  #isBalancer: (address: string) => boolean;
  #anchorsPem: string[];
  #state: EngineListenerState = "new";
  #early: { connection: Connection; socket: tls.TLSSocket }[] = [];
  /** On Node the TLS socket is another object than the accepted one: found again by the peer's address. Only handshakes under way are in it. */
  readonly #pending = new Map<string, Connection>();
  /** The same for what has no address of its own, and for what was read from before: both runtimes keep this through the handshake's events. */
  readonly #handshaking = new AsyncLocalStorage<Connection>();

  constructor(compiled: CompiledListener, anchorsPem: string[], host: ListenerHost) {
    this.compiled = compiled;
    this.#anchorsPem = anchorsPem;
    this.#host = host;
    const isDirect = compiled.listener.mode.kind === "direct";
    this.#server = this.#secureServer(compiled, true);
    this.#plain = isDirect ? this.#secureServer(compiled, false) : undefined;
    this.#isBalancer = balancersOf(compiled);
    if (compiled.listener.acceptProxy.kind === "off" && !isDirect) {
      this.#listening = this.#server;
      this.#server.on("connection", (raw: net.Socket) => {
        if (this.#handshaking.getStore() === undefined) this.#accepted(raw);
      });
    } else this.#listening = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => (compiled.listener.acceptProxy.kind === "off" ? this.#acceptedFirst(raw) : this.#awaitHeader(raw)));
  }

  #secureServer(compiled: CompiledListener, speaks: boolean): tls.Server {
    const server = tls.createServer(serverOptions(compiled, this.#anchorsPem, speaks));
    server.on("secureConnection", (socket) => this.#established(socket));
    // A failed or late handshake must destroy its socket, the runtimes leave it open (threats.md H1).
    server.on("tlsClientError", (error, socket) => this.#failed(error, socket));
    return server;
  }

  get limits(): ListenerLimits {
    return this.compiled.limits;
  }

  get isClosed(): boolean {
    return this.#state === "draining" || this.#state === "closed";
  }

  /** Same key: the same socket can go on serving. The mode decides ALPN, PROXY protocol what listens; a listening server can change neither. */
  static key(compiled: CompiledListener): string {
    const { address, port, mode, acceptProxy } = compiled.listener;
    return `${address} ${port} ${mode.kind} ${acceptProxy.kind}`;
  }

  /** Whether the address is a load balancer whose header is believed. */
  isBalancer(address: string): boolean {
    return this.#isBalancer(address);
  }

  /** Binds; connections wait until `commit`. Rejects with the runtime's error. */
  async bind(): Promise<void> {
    const { address, port } = this.compiled.listener;
    await new Promise<void>((resolve, reject) => {
      this.#listening.once("error", reject);
      this.#listening.listen({ host: address, port, backlog, reusePort: process.platform === "linux" }, () => {
        this.#listening.off("error", reject);
        // After the bind an accept error (descriptors used up) must not end the process; the connection cap makes it rare (T38).
        this.#listening.on("error", () => {});
        resolve();
      });
    });
    this.#state = "bound";
  }

  /** Starts to serve what waited since the bind. */
  commit(): void {
    this.#state = "accepting";
    for (const { connection, socket } of this.#early.splice(0)) connection.established(socket);
  }

  /** Serves the new certificate, anchors and limits; tunnels and connections under way are untouched. */
  renew(compiled: CompiledListener, anchorsPem: string[]): void {
    const isSame = compiled.chainPem === this.compiled.chainPem && compiled.keyPem === this.compiled.keyPem && compiled.listener.algorithms === this.compiled.listener.algorithms && anchorsPem.join("") === this.#anchorsPem.join("");
    this.compiled = compiled;
    this.#anchorsPem = anchorsPem;
    this.#isBalancer = balancersOf(compiled);
    if (isSame) return;
    this.#server.setSecureContext(secureContextOptions(compiled, anchorsPem));
    this.#plain?.setSecureContext(secureContextOptions(compiled, anchorsPem));
  }

  /** Accepts no more; what runs goes on. */
  close(): void {
    if (this.isClosed) return;
    const wasBound = this.#state !== "new";
    this.#state = "draining";
    for (const { socket } of this.#early.splice(0)) socket.destroy();
    if (wasBound) this.#listening.close();
    if (this.connections === 0) this.#state = "closed";
  }

  connectionOver(connection: Connection): void {
    this.connections -= 1;
    if (this.#pending.get(connection.peer) === connection) this.#pending.delete(connection.peer);
    if (this.connections === 0 && this.#state === "draining") this.#state = "closed";
  }

  status(isFull: boolean): EngineListener {
    const { listener, fingerprint } = this.compiled;
    return { listenerId: listener.id, address: listener.address, port: listener.port, state: this.#state === "accepting" && isFull ? "full" : this.#state, fingerprint, problem: null };
  }

  #accepted(raw: net.Socket): void {
    const connection = this.#host.accepted(this, raw);
    if (!connection) return;
    this.connections += 1;
    if (!(raw instanceof tls.TLSSocket)) this.#pending.set(peerOf(raw), connection);
  }

  #awaitHeader(raw: net.Socket): void {
    raw.on("error", () => raw.destroy());
    this.#host.awaitHeader(this, raw, (client, read) => this.#acceptedFirst(raw, client, read));
  }

  /** Accepted by the server in front of TLS. A direct listener looks at the ClientHello: it alone tells a channel from what is meant for the server. */
  #acceptedFirst(raw: net.Socket, client?: { source: Endpoint; acceptedMs: number }, read?: Buffer): void {
    const connection = this.#host.accepted(this, raw, client);
    if (!connection) return;
    this.connections += 1;
    if (read && read.length > 0) raw.unshift(read);
    const { mode } = this.compiled.listener;
    if (mode.kind === "connect") this.#secure(connection, raw, this.#server);
    else firstHello(raw, (hello) => this.#secure(connection, raw, this.#serverFor(hello?.alpn ?? [])));
  }

  /** Takes a connection that a relay carries; answers the relay once it has a place. Returns why not otherwise, with the stream left alone. */
  takeRelayed(stream: Duplex, relayed: Relayed): Connection | "gateway-full" | "source-limit" | "gateway-draining" {
    const connection = this.isClosed ? "gateway-draining" : this.#host.acceptedRelayed(this, stream, relayed);
    if (typeof connection === "string") return connection;
    this.connections += 1;
    if (relayed.isDialled !== true) stream.write(writeStreamHead({ kind: "accepted" }));
    firstHello(stream, (hello) => {
      if (connection.isOver) return;
      const isForUs = hello?.alpn.some((protocol) => protocol !== "http/1.1" && listenerProtocols.includes(protocol)) ?? false;
      const site = isForUs || !hello ? undefined : this.#host.agentSite(this, hello.serverName);
      if (site) connection.toAgentSite(site);
      else this.#secure(connection, stream, this.#serverFor(hello?.alpn ?? []));
    });
    return connection;
  }

  #serverFor(alpn: readonly string[]): tls.Server {
    // Of a direct listener only the channel and relays are ours; `http/1.1` is for its server.
    return this.#plain && !alpn.some((protocol) => protocol !== "http/1.1" && listenerProtocols.includes(protocol)) ? this.#plain : this.#server;
  }

  #secure(connection: Connection, raw: Duplex, server: tls.Server): void {
    if (!connection.isOver) this.#handshaking.run(connection, () => void server.emit("connection", raw));
  }

  #established(socket: tls.TLSSocket): void {
    const connection = this.#connectionOf(socket);
    if (!connection) socket.on("error", () => {}).destroy();
    else if (this.#state !== "bound") connection.established(socket);
    else if (this.#early.length < earlyMax) this.#early.push({ connection, socket: socket.on("error", () => socket.destroy()) });
    else socket.destroy();
  }

  #failed(error: Error, socket: tls.TLSSocket): void {
    const connection = this.#connectionOf(socket);
    // Before the socket beneath is (net/close.ts).
    socket.destroy();
    connection?.handshakeFailed(error);
  }

  #connectionOf(socket: tls.TLSSocket): Connection | undefined {
    const own = (socket as ConnectionSocket)[connectionOf];
    const known = own ?? this.#handshaking.getStore();
    if (known) return known;
    const key = peerOf(socket);
    const connection = this.#pending.get(key);
    this.#pending.delete(key);
    return connection;
  }
}

function balancersOf({ listener }: CompiledListener): (address: string) => boolean {
  return listener.acceptProxy.kind === "off" ? () => false : subnetList(listener.acceptProxy.sources);
}

/** A connection's peer as logs write it. */
export function peerOf(socket: net.Socket): string {
  return endpointText(peerEndpoint(socket));
}
