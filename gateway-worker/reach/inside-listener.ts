/**
 * The port where people, orchestrators and other gateways ask for agents. It is changed with the snapshot in two steps, so that a port that cannot be bound
 * refuses the whole snapshot; open sessions never notice. Bounds before anybody has proven anything: connections, unfinished ones per source, time (T05).
 */
import net from "node:net";
import type tls from "node:tls";
import type { SnapshotProblem } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { InsideListener as InsideSettings } from "../../contract/snapshot.ts";
import { peerAlpn } from "../../contract/channel.ts";
import { destroyOnError } from "../net/close.ts";
import { connectionsThatFit, descriptorLimit } from "../net/descriptor-limit.ts";
import { Terminator } from "../stream/terminator.ts";
import { classifyHandshakeError } from "../stream/tls.ts";
import { peerEndpoint } from "../stream/peer-address.ts";

export type InsideCertificate = { chainPem: string; keyPem: string };
/** What is to be served; null: nothing. */
export type InsidePlan = { settings: InsideSettings; certificate: InsideCertificate; anchorsPem: string[]; algorithms: "standard" | "fips" };

export type InsideHost = {
  /** A finished handshake. `done` once nothing is awaited from the client any more: the request's deadline ends there. */
  established: (socket: tls.TLSSocket, raw: net.Socket, done: () => void) => void;
  refused: (raw: net.Socket, code: RefusalCode, detail: string) => void;
};

/** Accept to finished handshake, and to a complete request after it, milliseconds. */
const handshakeMs = 8_000;
const requestMs = 10_000;
/** Connections of one address that have not asked yet. */
const unfinishedPerSourceMax = 256;
const backlog = 1_024;
const connectionsThatFitHere = connectionsThatFit(descriptorLimit());
/** Connections taken between bind and commit. */
const earlyMax = 64;

type Bound = { server: net.Server; address: string; port: number; early: net.Socket[] | undefined };
type Prepared = { plan: InsidePlan | null; terminator: Terminator | undefined; bound: Bound | undefined };

export class InsideListener {
  readonly #host: InsideHost;
  readonly #open = new Set<net.Socket>();
  readonly #unfinished = new Map<string, number>();
  #plan: InsidePlan | null = null;
  #terminator: Terminator | undefined;
  #bound: Bound | undefined;

  constructor(host: InsideHost) {
    this.#host = host;
  }

  /** Address and port it takes connections on; null while there is none. */
  get where(): { address: string; port: number } | null {
    return this.#bound ? { address: this.#bound.address, port: (this.#bound.server.address() as net.AddressInfo | null)?.port ?? this.#bound.port } : null;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Builds and binds; nothing of it serves yet. */
  async prepare(plan: InsidePlan | null): Promise<{ ok: true; prepared: Prepared } | { ok: false; problem: SnapshotProblem }> {
    if (!plan) return { ok: true, prepared: { plan, terminator: undefined, bound: undefined } };
    const { address, port } = plan.settings;
    try {
      const terminator = new Terminator({ chainPem: plan.certificate.chainPem, keyPem: plan.certificate.keyPem, algorithms: plan.algorithms, clientAnchorsPem: plan.anchorsPem, alpn: ["http/1.1", peerAlpn] });
      const isSame = this.#bound?.address === address && this.#bound.port === port;
      return { ok: true, prepared: { plan, terminator, bound: isSame ? this.#bound : await this.#bindFree(address, port) } };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
      return { ok: false, problem: { path: "inside", code: "listener-bind", message: `the inside listener ${address} port ${port} ${sentences[code] ?? `cannot serve: ${code}`}`.slice(0, 500) } };
    }
  }

  /** Serves what was prepared; the port before it takes no more connections. */
  commit({ plan, terminator, bound }: Prepared): void {
    if (this.#bound && this.#bound !== bound) this.#bound.server.close();
    this.#plan = plan;
    this.#terminator = terminator;
    this.#bound = bound;
    const early = bound?.early ?? [];
    if (bound) bound.early = undefined;
    for (const raw of early) this.#accepted(raw);
  }

  abort({ bound }: Prepared): void {
    if (!bound || bound === this.#bound) return;
    bound.server.close();
    for (const raw of bound.early ?? []) raw.destroy();
  }

  /** Takes no more connections; those that asked already go on. */
  close(): void {
    this.#bound?.server.close();
    this.#bound = undefined;
  }

  /** Ends what has not become a session. */
  destroyAll(): void {
    for (const raw of this.#open) raw.destroy();
  }

  /** The port may be ours already, on another address: both then listen until the commit. A port that is new must be nobody's (T37). */
  async #bindFree(address: string, port: number): Promise<Bound> {
    if (this.#bound?.port !== port && port !== 0) {
      const probe = await this.#bind(address, port, false);
      await new Promise<void>((resolve) => { probe.server.close(() => resolve()); });
    }
    return await this.#bind(address, port, process.platform === "linux");
  }

  async #bind(address: string, port: number, reusePort: boolean): Promise<Bound> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000, pauseOnConnect: true });
    const bound: Bound = { server, address, port, early: [] };
    server.on("connection", (raw: net.Socket) => {
      raw.on("error", destroyOnError);
      if (!bound.early) this.#accepted(raw);
      else if (bound.early.length < earlyMax) bound.early.push(raw);
      else raw.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address, port, backlog, reusePort }, () => {
        server.off("error", reject);
        server.on("error", () => {}); // an accept that fails (descriptors used up) must not end the process
        resolve();
      });
    });
    return bound;
  }

  #accepted(raw: net.Socket): void {
    const { address } = peerEndpoint(raw);
    const plan = this.#plan;
    const terminator = this.#terminator;
    const fromSource = this.#unfinished.get(address) ?? 0;
    if (!plan || !terminator || raw.destroyed) return void raw.destroy();
    const max = Math.min(plan.settings.connectionsMax, connectionsThatFitHere);
    if (this.#open.size >= max) return this.#turnAway(raw, "gateway-full", `${this.#open.size} connections are open at the inside listener, ${max} are allowed`);
    if (fromSource >= unfinishedPerSourceMax) return this.#turnAway(raw, "source-limit", `${fromSource} connections of ${address} have not asked for anything yet, ${unfinishedPerSourceMax} are allowed`);
    this.#open.add(raw);
    this.#unfinished.set(address, fromSource + 1);
    const finish = once(() => {
      clearTimeout(timer);
      const left = (this.#unfinished.get(address) ?? 1) - 1;
      if (left > 0) this.#unfinished.set(address, left);
      else this.#unfinished.delete(address);
    });
    let step: "handshake" | "request" = "handshake";
    const late = (): void => {
      this.#host.refused(raw, step === "handshake" ? "tls-handshake-timeout" : "request-timeout", `no ${step} within ${(step === "handshake" ? handshakeMs : requestMs) / 1000} s`);
      raw.destroy();
    };
    let timer = setTimeout(late, handshakeMs).unref();
    const forget = terminator.take(raw, Buffer.alloc(0), {
      established: (socket) => {
        step = "request";
        clearTimeout(timer);
        timer = setTimeout(late, requestMs).unref();
        socket.on("error", destroyOnError);
        this.#host.established(socket, raw, finish);
      },
      handshakeFailed: (error) => {
        const failure = classifyHandshakeError(error);
        if (failure) this.#host.refused(raw, failure.code, failure.detail);
        setImmediate(() => raw.destroy()); // a turn after the TLS socket on it (net/close.ts)
      },
    });
    raw.on("close", () => {
      this.#open.delete(raw);
      forget();
      finish();
    });
  }

  #turnAway(raw: net.Socket, code: RefusalCode, detail: string): void {
    this.#host.refused(raw, code, detail);
    raw.destroy();
  }
}

const sentences: Record<string, string> = {
  EADDRINUSE: "is already in use; stop what listens there or choose another port",
  EACCES: "may not be bound by this user; choose a port above 1023 or grant the service the right to bind low ports",
  EADDRNOTAVAIL: "is not on an address of this machine; use one of its own, or :: for all",
};

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
