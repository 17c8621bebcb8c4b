/**
 * Ends TLS for one certificate of a service on sockets that were accepted, and perhaps read from, elsewhere. The front has seen the
 * ClientHello by then, so each certificate has a TLS server of its own that never listens; bytes already read are put back first.
 * (`new TLSSocket` would do on one runtime only: Node then verifies no client certificate, STACK section 0 rule 2.)
 */
import type net from "node:net";
import tls from "node:tls";
import { contextOptions } from "./tls.ts";
import type { Presented } from "./tls.ts";

export type TerminatorSettings = Presented & {
  /** Null: no client certificate is asked for. The verdict on one is the connection's, after the handshake. */
  clientAnchorsPem: string[] | null;
  /** What is offered to clients; null: no protocol is selected. */
  alpn: string[] | null;
};

/** Whoever handed a socket in; hears exactly one of the two, unless the socket closes first. */
export type Terminated = {
  established: (socket: tls.TLSSocket) => void;
  handshakeFailed: (error: unknown) => void;
};

export class Terminator {
  readonly #server: tls.Server;
  /** The TLS socket is another object than the accepted one: found again by the four addresses. Only handshakes under way are in it. */
  readonly #pending = new Map<string, Terminated>();

  /** Throws when TLS does not accept the material. */
  constructor(settings: TerminatorSettings) {
    const options = contextOptions(settings, settings.clientAnchorsPem);
    // A server takes bad material silently on one of the runtimes; the context does not.
    tls.createSecureContext(options);
    this.#server = tls.createServer({ ...options, requestCert: settings.clientAnchorsPem !== null, rejectUnauthorized: false, allowHalfOpen: true, ...(settings.alpn === null ? {} : { ALPNProtocols: settings.alpn }) });
    this.#server.on("secureConnection", (socket) => this.#established(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#failed(error, socket));
  }

  /** `read`: bytes of the client that were read from the (paused) socket already. Returns what undoes it. */
  take(raw: net.Socket, read: Buffer, whose: Terminated): () => void {
    const key = addressesOf(raw);
    this.#pending.set(key, whose);
    if (read.length > 0) raw.unshift(read);
    this.#server.emit("connection", raw);
    return () => {
      if (this.#pending.get(key) === whose) this.#pending.delete(key);
    };
  }

  #established(socket: tls.TLSSocket): void {
    const whose = this.#claim(socket);
    if (whose) whose.established(socket);
    else socket.on("error", () => {}).destroy();
  }

  #failed(error: Error, socket: tls.TLSSocket): void {
    const whose = this.#claim(socket);
    // Before the socket beneath is (net/close.ts).
    socket.destroy();
    whose?.handshakeFailed(error);
  }

  #claim(socket: net.Socket): Terminated | undefined {
    const key = addressesOf(socket);
    const whose = this.#pending.get(key);
    this.#pending.delete(key);
    return whose;
  }
}

function addressesOf(socket: net.Socket): string {
  return `${socket.remoteAddress ?? ""} ${socket.remotePort ?? 0} ${socket.localAddress ?? ""} ${socket.localPort ?? 0}`;
}
