/**
 * One connection of one health check: connect, read and write under a single deadline for the whole check. The deadline destroys the
 * socket, so no check outlives it, whatever the peer does or leaves undone (T31).
 */
import net from "node:net";
import tls from "node:tls";
import { writeProxyHeader } from "../../net/proxy-protocol.ts";
import { connectWords, endpointText, handshakeWords, ProbeFailure, talkWords, wasAccepted } from "./failure-words.ts";
import type { ProbeMeans } from "./probe-means.ts";

/** End of the whole check on the monotonic clock. */
export class CheckDeadline {
  readonly totalMs: number;
  readonly #endsAt: number;
  constructor(totalMs: number) {
    this.totalMs = totalMs;
    this.#endsAt = performance.now() + totalMs;
  }

  /** Milliseconds left, at least 1: a timer of 0 would win against an answer that has already arrived. */
  leftMs(): number {
    return Math.max(1, this.#endsAt - performance.now());
  }
}

export type ProbeEndpoint = {
  host: string;
  port: number;
  /** How sentences call it: `mta1:25`, or `next hop mta1:25`. */
  label?: string;
  /** Sends a PROXY protocol header first, before TLS. */
  proxyVersion?: 1 | 2;
};

/** Addresses of one name tried at most within a check. */
const addressesMax = 4;

export class ProbeSocket {
  readonly deadline: CheckDeadline;
  /** How sentences call the peer. */
  readonly label: string;
  #socket: net.Socket;
  #failure: Error | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;
  readonly #onReadable = (): void => this.#wake?.();
  readonly #onEnd = (): void => {
    this.#isEnded = true;
    this.#wake?.();
  };

  private constructor(socket: net.Socket, label: string, deadline: CheckDeadline) {
    this.deadline = deadline;
    this.label = label;
    this.#socket = socket;
    this.#listen(socket);
  }

  /** Throws ProbeFailure `name` or `connect`, or `talk` when the connection was accepted and reset at once. The caller calls `destroy` in the end. */
  static async connect(endpoint: ProbeEndpoint, means: ProbeMeans, deadline: CheckDeadline): Promise<ProbeSocket> {
    const label = endpoint.label ?? endpointText(endpoint.host, endpoint.port);
    const found = await means.names.addressesOf(endpoint.host, deadline.leftMs());
    if (found.kind === "failed") throw new ProbeFailure("name", found.code === "backend-unresolved" ? `${found.detail}; check the name and the DNS of the gateway` : found.detail);
    const addresses = found.addresses.slice(0, addressesMax);
    let failure: ProbeFailure | undefined;
    for (const [index, address] of addresses.entries()) {
      // Every address gets its part of the time that is left, so that a dead first one does not hide a live second one.
      const budgetMs = deadline.leftMs() / (addresses.length - index);
      const outcome = await open({ address, port: endpoint.port, timeoutMs: budgetMs }, means);
      if (outcome instanceof net.Socket) {
        if (endpoint.proxyVersion) outcome.write(ownHeader(outcome, endpoint.proxyVersion));
        return new ProbeSocket(outcome, label, deadline);
      }
      failure = outcome === "timeout" ? new ProbeFailure("connect", `${label} did not accept a connection within ${addresses.length === 1 ? deadline.totalMs : Math.round(budgetMs)} ms`) : new ProbeFailure(wasAccepted(outcome) ? "talk" : "connect", `${label} ${connectWords(outcome)}`, { cause: outcome });
    }
    throw failure ?? new ProbeFailure("name", `${endpoint.host} did not resolve on the gateway`);
  }

  /** The next bytes, or null when the peer has ended. Throws ProbeFailure `talk`; `awaited` says what for ("its greeting"). */
  async read(awaited: string): Promise<Buffer | null> {
    for (;;) {
      const bytes: unknown = this.#socket.read();
      if (Buffer.isBuffer(bytes)) return bytes;
      if (this.#failure) throw new ProbeFailure("talk", `${this.label} ${talkWords(this.#failure, awaited)}`, { cause: this.#failure });
      if (this.#isEnded) return null;
      await this.#event(awaited);
    }
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Says good-bye without waiting for the answer, so that the peer's log shows an orderly end. */
  finish(text: string): void {
    this.#socket.end(text);
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  /** The socket itself, for someone who reads it in another way and keeps the deadline himself. */
  release(): net.Socket {
    this.#unlisten();
    return this.#socket;
  }

  /** Puts TLS on the connection; certificates are judged afterwards (certificate.ts). Throws ProbeFailure `talk`. */
  async startTls(options: { context: tls.SecureContext; serverName: string | undefined; alpn?: string[] }): Promise<tls.TLSSocket> {
    const raw = this.#socket;
    this.#unlisten();
    const secure = tls.connect({
      socket: raw,
      secureContext: options.context,
      ...(options.serverName === undefined ? {} : { servername: options.serverName }),
      ...(options.alpn ? { ALPNProtocols: options.alpn } : {}),
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    let isSecure = false;
    secure.once("secureConnect", () => {
      isSecure = true;
      this.#wake?.();
    });
    this.#socket = secure;
    this.#listen(secure);
    while (!isSecure) {
      if (this.#failure) throw new ProbeFailure("talk", handshakeWords(this.label, this.#failure), { cause: this.#failure });
      if (this.#isEnded) throw new ProbeFailure("talk", `${this.label} closed the connection during the TLS handshake; is it a TLS port?`);
      await this.#event("the TLS handshake was finished");
    }
    return secure;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: net.Socket): void {
    socket.on("readable", this.#onReadable).on("end", this.#onEnd).on("close", this.#onEnd);
    socket.on("error", (error) => {
      this.#failure ??= error;
      socket.destroy();
      this.#wake?.();
    });
  }

  /** The error handler stays: a socket without one would end the process. */
  #unlisten(): void {
    this.#socket.off("readable", this.#onReadable).off("end", this.#onEnd).off("close", this.#onEnd);
  }

  /** Waits for anything to happen on the socket; throws when the check's time is over. */
  async #event(awaited: string): Promise<void> {
    const isLate = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(true), this.deadline.leftMs());
      this.#wake = () => {
        clearTimeout(timer);
        resolve(false);
      };
    });
    this.#wake = undefined;
    if (!isLate) return;
    this.#socket.destroy();
    throw new ProbeFailure("talk", `${this.label} accepted the connection, but ${this.deadline.totalMs} ms were over before ${awaited}`);
  }
}

async function open(target: { address: string; port: number; timeoutMs: number }, means: ProbeMeans): Promise<net.Socket | Error | "timeout"> {
  return await new Promise((resolve) => {
    const socket = means.opened(net.connect({ host: target.address, port: target.port, noDelay: true }));
    const settle = (outcome: net.Socket | Error | "timeout"): void => {
      clearTimeout(timer);
      if (!(outcome instanceof net.Socket)) socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle("timeout"), target.timeoutMs);
    // The error handler stays: a late error of a destroyed attempt must not end the process.
    socket.on("error", (error) => settle(error));
    socket.once("close", () => settle(new Error("the gateway is stopping")));
    socket.once("connect", () => settle(socket));
  });
}

/** A check speaks for itself and for no client: LOCAL in version 2; in version 1 its own addresses, because postfix refuses UNKNOWN. */
function ownHeader(socket: net.Socket, version: 1 | 2): Buffer {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const isKnown = version === 1 && localAddress !== undefined && localPort !== undefined && remoteAddress !== undefined && remotePort !== undefined;
  return writeProxyHeader({ version, source: isKnown ? { address: localAddress, port: localPort } : null, destination: isKnown ? { address: remoteAddress, port: remotePort } : null });
}
