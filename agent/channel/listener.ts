/**
 * The door of an agent that is dialled (X4-01). Whoever connects gets TLS with a certificate of nobody's: wire encryption only (S4-39 to S4-42). Inside it this agent is
 * the TLS client again: it speaks to a gateway whose certificate its policy pins, and to nobody else.
 */
import type { Duplex } from "node:stream";
import type net from "node:net";
import tls from "node:tls";
import { makeKey, makeSelfSigned } from "../identity/csr.ts";
import type { AgentLog } from "../log.ts";
import { authority } from "../path/connect.ts";

export type ListenerOptions = { address: string | null; port: number; log: AgentLog };

/** Connections at once: one channel for each gateway that dials, and their successors. */
const connectionsMax = 32;
const perSourceMax = 8;
const handshakeTimeoutMs = 5_000;
/** One that nobody takes is closed again, ms: the gateway waits no longer for our handshake. */
const unclaimedMs = 8_000;
const unclaimedMax = 4;

export class ChannelListener {
  readonly #options: ListenerOptions;
  readonly #sockets = new Map<net.Socket, string>();
  readonly #unclaimed: Duplex[] = [];
  readonly #waiting = new Set<(socket: Duplex) => void>();
  #server: tls.Server | undefined;
  /** Called for each connection; while undefined they wait for `next`. */
  onConnection: ((socket: Duplex, source: string) => void) | undefined;
  /** A connection waits for `next`. */
  onWaiting: (() => void) | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The port in use, for port 0. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** Rejects with the address and what to do when it cannot listen there. */
  async start(): Promise<void> {
    const key = makeKey();
    const server = tls.createServer({ key, cert: makeSelfSigned(key, new Date()), minVersion: "TLSv1.2", handshakeTimeout: handshakeTimeoutMs }, (socket) => this.#take(socket));
    this.#server = server;
    server.maxConnections = connectionsMax;
    server.on("connection", (socket: net.Socket) => this.#admit(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    const { address, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => reject(new Error(`the agent cannot listen on ${authority(address ?? "*", port)} (${cause.message}); choose another with SALLYPORT_LISTEN=[address:]port`, { cause })));
      server.listen({ port, ...(address === null ? {} : { host: address }) }, resolve);
    });
    server.on("error", (error) => this.#options.log.warn("the agent's listener failed", { reason: error.message }));
    this.#options.log.info("the agent waits to be dialled", { listen: authority(address ?? "*", this.port) });
  }

  /** The next connection that nobody has taken. Rejects when the signal ends it. */
  next(signal: AbortSignal): Promise<Duplex> {
    for (let held = this.#unclaimed.shift(); held; held = this.#unclaimed.shift()) if (!held.destroyed) return Promise.resolve(held);
    return new Promise((resolve, reject) => {
      const take = (socket: Duplex) => {
        signal.removeEventListener("abort", gone);
        resolve(socket);
      };
      const gone = () => {
        this.#waiting.delete(take);
        reject(new Error("no gateway has dialled this agent yet"));
      };
      signal.addEventListener("abort", gone, { once: true });
      this.#waiting.add(take);
      if (signal.aborted) gone();
    });
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  #admit(socket: net.Socket): void {
    const source = socket.remoteAddress ?? "";
    socket.on("error", () => socket.destroy());
    if ([...this.#sockets.values()].filter((known) => known === source).length >= perSourceMax) return void socket.destroy();
    this.#sockets.set(socket, source);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #take(socket: tls.TLSSocket): void {
    socket.on("error", () => socket.destroy());
    socket.pause();
    const source = authority(socket.remoteAddress ?? "unknown", socket.remotePort ?? 0);
    if (this.onConnection) return this.onConnection(socket, source);
    const [take] = this.#waiting;
    if (take) {
      this.#waiting.delete(take);
      return take(socket);
    }
    if (this.#unclaimed.length >= unclaimedMax) return void socket.destroy();
    this.#unclaimed.push(socket);
    setTimeout(() => {
      const index = this.#unclaimed.indexOf(socket);
      if (index < 0) return;
      this.#unclaimed.splice(index, 1);
      socket.destroy();
    }, unclaimedMs).unref();
    this.onWaiting?.();
  }
}
