/**
 * One connection on the relay's port. The ClientHello is looked at and nothing is answered: TLS is between the agent and the gateway (S4-22, S4-26).
 *   hello -> waiting -> opening -> carrying -> over        waiting: no upstream serves now; a short restart of it loses nobody
 */
import type net from "node:net";
import type { Duplex } from "node:stream";
import { upstreamAlpn } from "../../contract/relay.ts";
import { readClientHello } from "../net/client-hello.ts";
import { resetSocket } from "../net/close.ts";
import type { DeadlineWheel, Timed } from "../net/deadline.ts";
import { Splice, type SpliceEnd, type SpliceOwner } from "../net/splice.ts";
import { explain } from "../errors.ts";
import { RelayError } from "./errors.ts";
import type { UpstreamPool } from "./upstream-pool.ts";
import type { UpstreamSession } from "./upstream-session.ts";

export type ConnectionHost = {
  wheel: DeadlineWheel;
  pool: UpstreamPool;
  connectTimeoutMs: number;
  idleTimeoutMs: number;
  /** The ClientHello asks for the upstream's protocol: the connection is not an agent's. Takes the socket over, with the bytes read so far. */
  onUpstream: (raw: net.Socket, source: string, first: Buffer) => void;
  /** Not for a client that leaves without a byte. `detail` quotes nothing of what the client sent. */
  onRefused: (source: string, detail: string) => void;
  onBytes: (length: number, isUp: boolean) => void;
  onCarrying: () => void;
  /** Called once, when the socket is no longer this connection's. */
  onOver: (connection: AgentConnection) => void;
};

/** From accept to the whole ClientHello, milliseconds. */
export const helloTimeoutMs = 8_000;
/** An agent's connection waits this long for an upstream, milliseconds; then it is closed and the agent tries again by itself. */
export const waitForUpstreamMs = 5_000;
/** Pause before a stream is opened again on a session that could not take another one yet, milliseconds. */
const backlogRetryMs = 100;
/** A connection that one side has ended and that carries no more bytes, milliseconds. */
const halfClosedTimeoutMs = 60_000;

export class AgentConnection implements Timed, SpliceOwner {
  deadlineMs: number;
  readonly source: string;
  readonly #id: string;
  readonly #raw: net.Socket;
  readonly #host: ConnectionHost;
  #state: "hello" | "waiting" | "opening" | "carrying" | "over" = "hello";
  #first: Buffer = Buffer.alloc(0);
  #serverName: string | null = null;
  #splice: Splice | undefined;
  #session: UpstreamSession | undefined;
  #idleMs: number;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onGone = (): void => {
    this.#raw.destroy();
    this.#over();
  };
  readonly #retry = (): void => void this.#open();

  constructor(raw: net.Socket, given: { id: string; source: string; host: ConnectionHost }) {
    this.#raw = raw;
    this.#id = given.id;
    this.source = given.source;
    this.#host = given.host;
    this.#idleMs = given.host.idleTimeoutMs;
    this.deadlineMs = given.host.wheel.nowMs + helloTimeoutMs;
  }

  start(): void {
    this.#host.wheel.add(this);
    this.#raw.on("data", this.#onData).on("end", this.#onGone).on("close", this.#onGone);
  }

  onDeadline(): void {
    if (this.#state === "hello") this.#refuse(`no complete ClientHello within ${helloTimeoutMs} ms`);
    else if (this.#state === "waiting") this.#refuse(`no upstream served within ${waitForUpstreamMs} ms`);
    else this.cut();
  }

  /** Ends it now; both sides see a reset. */
  cut(): void {
    if (this.#splice) this.#splice.close();
    else {
      resetSocket(this.#raw);
      this.#over();
    }
  }

  onBytes(length: number, isUp: boolean): void {
    this.deadlineMs = this.#host.wheel.nowMs + this.#idleMs;
    this.#host.onBytes(length, isUp);
  }

  onHalfClose(): void {
    this.#idleMs = Math.min(this.#idleMs, halfClosedTimeoutMs);
    this.deadlineMs = this.#host.wheel.nowMs + this.#idleMs;
    this.#host.wheel.add(this);
  }

  onSpliceEnd(_end: SpliceEnd): void {
    this.#over();
  }

  #read(chunk: Buffer): void {
    this.#first = this.#first.length === 0 ? chunk : Buffer.concat([this.#first, chunk]);
    const hello = readClientHello(this.#first);
    if (hello.kind === "incomplete") return;
    this.#raw.pause().off("data", this.#onData);
    if (hello.kind === "refused") return this.#refuse(hello.detail);
    if (hello.alpn.includes(upstreamAlpn)) return this.#handOver();
    this.#serverName = hello.serverName;
    this.#move("waiting", waitForUpstreamMs);
    this.#host.pool.wait(this.#retry);
    void this.#open();
  }

  #handOver(): void {
    const first = this.#first;
    this.#raw.off("end", this.#onGone).off("close", this.#onGone);
    this.#over();
    this.#host.onUpstream(this.#raw, this.source, first);
  }

  /** Takes the best session there is; without one it goes on waiting. A session that breaks before it answered is no loss: the agent has seen no byte yet. */
  async #open(): Promise<void> {
    if (this.#state !== "waiting") return;
    const session = this.#host.pool.choose(this.#serverName);
    if (!session) return;
    const waitUntilMs = this.deadlineMs;
    this.#move("opening", this.#host.connectTimeoutMs + 1_000);
    try {
      const stream = await session.carry({ kind: "agent", source: this.source, connectionId: this.#id }, this.#first, this.#host.connectTimeoutMs);
      if (this.#isOver) stream.destroy();
      else this.#carry(session, stream);
    } catch (error) {
      if (this.#isOver) return;
      if (error instanceof RelayError) return this.#refuse(explain(error));
      this.#move("waiting", Math.max(waitUntilMs - this.#host.wheel.nowMs, 1));
      // Thousands of agents that come back at once fill the session's backlog of unanswered streams for a moment.
      setTimeout(this.#retry, session.state === "serving" ? backlogRetryMs * (0.5 + Math.random()) : 0);
    }
  }

  #carry(session: UpstreamSession, stream: Duplex): void {
    this.#session = session;
    this.#host.pool.stopWaiting(this.#retry);
    this.onBytes(this.#first.length, true);
    this.#first = Buffer.alloc(0);
    this.#move("carrying", this.#idleMs);
    this.#raw.off("end", this.#onGone).off("close", this.#onGone);
    this.#splice = new Splice({ client: this.#raw, clientRaw: this.#raw, server: stream, serverRaw: stream, owner: this });
    this.#host.onCarrying();
    this.#splice.start();
  }

  get #isOver(): boolean {
    return this.#state === "over";
  }

  #refuse(detail: string): void {
    if (this.#isOver) return;
    this.#host.onRefused(this.source, detail);
    this.cut();
  }

  #move(state: "waiting" | "opening" | "carrying", timeoutMs: number): void {
    this.#state = state;
    this.deadlineMs = this.#host.wheel.nowMs + timeoutMs;
    this.#host.wheel.add(this);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#state = "over";
    this.deadlineMs = Infinity;
    this.#host.wheel.remove(this);
    this.#host.pool.stopWaiting(this.#retry);
    this.#raw.off("data", this.#onData);
    this.#host.onOver(this);
    setImmediate(() => this.#session?.settle());
  }
}
