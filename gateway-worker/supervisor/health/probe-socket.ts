/**
 * One connection of one health check: connect, read and write under a single deadline for the whole check. The deadline destroys the
 * socket, so no check outlives it, whatever the peer does or leaves undone (T31).
 */
import { lookup } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";
import { isHostName } from "../../../contract/names.ts";
import { connectWords, endpointText, lookupWords, ProbeFailure, talkWords } from "./failure-words.ts";

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

  private constructor(socket: net.Socket, label: string, deadline: CheckDeadline) {
    this.deadline = deadline;
    this.label = label;
    this.#socket = socket;
    this.#listen(socket);
  }

  /** Throws ProbeFailure `name` or `connect`. The caller calls `destroy` in the end. */
  static async connect(endpoint: ProbeEndpoint, deadline: CheckDeadline): Promise<ProbeSocket> {
    const label = endpoint.label ?? endpointText(endpoint.host, endpoint.port);
    const addresses = await addressesOf(endpoint.host, deadline);
    let failure: ProbeFailure | undefined;
    for (const [index, address] of addresses.entries()) {
      // Every address gets its part of the time that is left, so that a dead first one does not hide a live second one.
      const budgetMs = deadline.leftMs() / (addresses.length - index);
      const outcome = await open(address, endpoint.port, budgetMs);
      if (outcome instanceof net.Socket) return new ProbeSocket(outcome, label, deadline);
      failure = outcome === "timeout" ? new ProbeFailure("connect", `${label} did not accept a connection within ${Math.round(Math.max(budgetMs, 1))} ms`) : new ProbeFailure("connect", `${label} ${connectWords(outcome)}`, { cause: outcome });
    }
    throw failure ?? new ProbeFailure("name", `${endpoint.host} resolves to no address on this gateway; check its DNS`);
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

  /** Puts TLS on the connection; certificates are judged afterwards (certificate.ts). Throws ProbeFailure `talk`. */
  async startTls(options: { context: tls.SecureContext; serverName: string | undefined; alpn?: string[] }): Promise<tls.TLSSocket> {
    const raw = this.#socket;
    raw.removeAllListeners("readable").removeAllListeners("end");
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
    socket.on("readable", () => this.#wake?.());
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", (error) => {
      this.#failure ??= error;
      socket.destroy();
      this.#wake?.();
    });
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake?.();
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

/** Numeric addresses of a host, in the resolver's order. Throws ProbeFailure `name`. */
async function addressesOf(host: string, deadline: CheckDeadline): Promise<string[]> {
  if (!isHostName(host)) return [host];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProbeFailure("name", `${host} could not be resolved within ${deadline.totalMs} ms; the gateway's DNS servers do not answer`)), deadline.leftMs());
  });
  try {
    const found = await Promise.race([lookup(host, { all: true, order: "verbatim" }), late]);
    return found.slice(0, addressesMax).map((entry) => entry.address);
  } catch (error) {
    throw error instanceof ProbeFailure ? error : new ProbeFailure("name", `${host} ${lookupWords(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function open(address: string, port: number, timeoutMs: number): Promise<net.Socket | Error | "timeout"> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: address, port, noDelay: true });
    const settle = (outcome: net.Socket | Error | "timeout"): void => {
      clearTimeout(timer);
      if (!(outcome instanceof net.Socket)) socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle("timeout"), timeoutMs);
    // The error handler stays: a late error of a destroyed attempt must not end the process.
    socket.on("error", (error) => settle(error));
    socket.once("connect", () => settle(socket));
  });
}

function handshakeWords(label: string, error: Error): string {
  if ("code" in error && error.code === "ECONNRESET") return `${label} reset the connection during the TLS handshake`;
  if (/wrong version number|packet length too long|unknown protocol/i.test(error.message)) return `${label} does not speak TLS on this port`;
  const reason = /alert number (\d+)/.exec(error.message);
  const text = "reason" in error && typeof error.reason === "string" ? error.reason : error.message.slice(0, 150);
  return `${label} ended the TLS handshake: ${text}${reason ? ` (alert ${reason[1] ?? ""})` : ""}`;
}
