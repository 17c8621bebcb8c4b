/**
 * One listening address of an engine. States: new -> bound -> accepting (full) -> draining -> closed.
 * Its socket stays while address, port and mode stay; certificates, anchors and limits are renewed on the living socket.
 */
import type net from "node:net";
import tls from "node:tls";
import type { EngineListener, EngineListenerState } from "../engine-messages.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";
import type { CompiledListener } from "../runtime/compile.ts";
import { connectionOf } from "./connection.ts";
import type { Connection, ConnectionSocket } from "./connection.ts";
import { secureContextOptions, serverOptions } from "./tls.ts";

export type ListenerHost = {
  /** A TCP connection was accepted; returns its record, or undefined when it was turned away (and destroyed). */
  accepted: (listener: StreamListener, raw: net.Socket) => Connection | undefined;
};

/** Finished handshakes held between bind and commit, when the port already serves through other engines. */
const earlyMax = 256;
const backlog = 4_096;

export class StreamListener {
  compiled: CompiledListener;
  /** Connections that came through this listener and still live. */
  connections = 0;
  readonly #host: ListenerHost;
  readonly #server: tls.Server;
  #anchorsPem: string[];
  #state: EngineListenerState = "new";
  #early: { connection: Connection; socket: tls.TLSSocket }[] = [];
  /** On Node the TLS socket is another object than the accepted one: found again by the peer's address. Only handshakes under way are in it. */
  readonly #pending = new Map<string, Connection>();

  constructor(compiled: CompiledListener, anchorsPem: string[], host: ListenerHost) {
    this.compiled = compiled;
    this.#anchorsPem = anchorsPem;
    this.#host = host;
    this.#server = tls.createServer(serverOptions(compiled, anchorsPem));
    this.#server.on("connection", (raw: net.Socket) => this.#accepted(raw));
    this.#server.on("secureConnection", (socket) => this.#established(socket));
    // A failed or late handshake must destroy its socket, the runtimes leave it open (threats.md H1).
    this.#server.on("tlsClientError", (error, socket) => this.#failed(error, socket));
  }

  get limits(): ListenerLimits {
    return this.compiled.limits;
  }

  get isClosed(): boolean {
    return this.#state === "draining" || this.#state === "closed";
  }

  /** Same key: the same socket can go on serving. The mode decides ALPN, which a listening server cannot change. */
  static key(compiled: CompiledListener): string {
    const { address, port, mode } = compiled.listener;
    return `${address} ${port} ${mode.kind}`;
  }

  /** Binds; connections wait until `commit`. Rejects with the runtime's error. */
  async bind(): Promise<void> {
    const { address, port } = this.compiled.listener;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: address, port, backlog, reusePort: process.platform === "linux" }, () => {
        this.#server.off("error", reject);
        // After the bind an accept error (descriptors used up) must not end the process; the connection cap makes it rare (T38).
        this.#server.on("error", () => {});
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
    if (!isSame) this.#server.setSecureContext(secureContextOptions(compiled, anchorsPem));
  }

  /** Accepts no more; what runs goes on. */
  close(): void {
    if (this.isClosed) return;
    const wasBound = this.#state !== "new";
    this.#state = "draining";
    for (const { socket } of this.#early.splice(0)) socket.destroy();
    if (wasBound) this.#server.close();
    if (this.connections === 0) this.#state = "closed";
  }

  connectionOver(connection: Connection): void {
    this.connections -= 1;
    if (this.#pending.get(connection.source) === connection) this.#pending.delete(connection.source);
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

  #established(socket: tls.TLSSocket): void {
    const connection = this.#connectionOf(socket);
    if (!connection) socket.on("error", () => {}).destroy();
    else if (this.#state !== "bound") connection.established(socket);
    else if (this.#early.length < earlyMax) this.#early.push({ connection, socket: socket.on("error", () => socket.destroy()) });
    else socket.destroy();
  }

  #failed(error: Error, socket: tls.TLSSocket): void {
    this.#connectionOf(socket)?.handshakeFailed(error);
    socket.destroy();
  }

  #connectionOf(socket: tls.TLSSocket): Connection | undefined {
    const own = (socket as ConnectionSocket)[connectionOf];
    if (own) return own;
    const key = peerOf(socket);
    const connection = this.#pending.get(key);
    this.#pending.delete(key);
    return connection;
  }
}

/** A connection's source as logs write it: address and port, IPv4 without the mapping of a dual-stack socket. */
export function peerOf(socket: net.Socket): string {
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
  return address.includes(":") ? `[${address}]:${socket.remotePort ?? 0}` : `${address}:${socket.remotePort ?? 0}`;
}
