/**
 * One session with an upstream, whoever dialled: the relay is the yamux client (contract/relay.ts). It says hello, carries agents' connections
 * as streams, reports its load, and dials listening agents when asked.
 *   greeting -> serving -> leaving -> over        leaving: no new connection of an agent goes here, those that run finish
 */
import type { Duplex } from "node:stream";
import { channelPingEveryMs, channelPingTimeoutMs } from "../../contract/channel.ts";
import { refusals } from "../../contract/error-codes.ts";
import { relayAnswer, type RelayStreamHead, type UpstreamStreamHead, upstreamStreamHead } from "../../contract/relay.ts";
import { readStreamHead, writeStreamHead } from "../net/stream-head.ts";
import { YamuxSession, type YamuxStream } from "../net/yamux.ts";
import { explain } from "../errors.ts";
import { RelayError } from "./errors.ts";

export type RelayHello = Extract<RelayStreamHead, { kind: "hello" }>;
export type RelayLoad = Extract<RelayStreamHead, { kind: "load" }>;
type RelayAgent = Extract<RelayStreamHead, { kind: "agent" }>;

export type SessionState = "greeting" | "serving" | "leaving" | "over";

export type SessionHost = {
  hello: () => RelayHello;
  load: () => RelayLoad;
  /** The upstream asks for a connection to a listening agent. The head is read; answer on the stream. */
  onDial: (head: UpstreamStreamHead, stream: YamuxStream) => void;
  /** Called when the state moves; `why` is one sentence for `leaving` and `over`. */
  onState: (session: UpstreamSession, state: SessionState, why: string) => void;
};

export type SessionPlace = {
  /** Host and port, for logs. */
  label: string;
  /** Position in the settings: the lowest serving one gets new connections. */
  rank: number;
  /** What agents ask for by SNI when they mean this upstream; null when nobody knows. */
  serverName: string | null;
};

/** Streams an upstream may have open at once: 2,000 listening agents and a few more. */
const dialsMax = 2_100;
const helloTimeoutMs = 10_000;
const loadEveryMs = 10_000;

export class UpstreamSession {
  readonly place: SessionPlace;
  readonly startedAtMs = performance.now();
  readonly #host: SessionHost;
  readonly #yamux: YamuxSession;
  #state: SessionState = "greeting";
  #loadTimer: NodeJS.Timeout | undefined;

  /** `socket`: TLS, with the handshake done and the certificate checked. The session owns it from here. */
  constructor(socket: Duplex, place: SessionPlace, host: SessionHost) {
    this.place = place;
    this.#host = host;
    this.#yamux = new YamuxSession(socket, {
      isClient: true,
      streamsMax: dialsMax,
      onStream: (stream) => void this.#serve(stream),
      onEnd: (reason) => this.#move("over", reason),
      onGoAway: () => this.#move("leaving", "the upstream drains"),
    });
    this.#yamux.keepAlive({ everyMs: channelPingEveryMs, timeoutMs: channelPingTimeoutMs });
  }

  get state(): SessionState {
    return this.#state;
  }

  get streams(): number {
    return this.#yamux.streams;
  }

  get roundTripMs(): number | null {
    return this.#yamux.roundTripMs;
  }

  /** Says who we are. Throws RelayError `upstream-refused` when the upstream does not take us; the session is over then. */
  async greet(): Promise<void> {
    try {
      const stream = this.#yamux.open();
      const answer = await this.#ask(stream, this.#host.hello(), helloTimeoutMs);
      stream.destroy();
      if (answer.kind === "refused") throw new RelayError("upstream-refused", `${this.place.label} refused this relay (${answer.code}): ${refusals[answer.code].sentence} ${refusals[answer.code].cure}${answer.detail ? ` [${answer.detail}]` : ""}`);
    } catch (error) {
      const why = error instanceof RelayError ? error : new RelayError("upstream-refused", `${this.place.label} did not answer the hello: ${explain(error)}.`, error);
      this.#yamux.close(why.message);
      throw why;
    }
    if (this.#state !== "greeting") throw new RelayError("upstream-refused", `${this.place.label} ended the session right after the hello.`);
    this.#loadTimer = setInterval(() => this.#report(), loadEveryMs);
    this.#loadTimer.unref();
    this.#move("serving", "");
  }

  /**
   * Opens a stream for one connection of an agent and sends what the agent has sent so far. Resolves to the stream, paused; rejects with RelayError
   * `upstream-refused` when the upstream does not take it, with another error when the session broke or is full for a moment: then it may be tried again.
   */
  async carry(head: RelayAgent, first: Buffer, timeoutMs: number): Promise<YamuxStream> {
    const stream = this.#yamux.open();
    stream.on("error", () => stream.destroy());
    const answer = await this.#ask(stream, head, timeoutMs, first).catch((error: unknown) => {
      stream.destroy();
      // The session goes on and this stream does not: to offer the same bytes again would meet the same.
      throw this.#state === "serving" ? new RelayError("upstream-refused", `${this.place.label} ended the connection: ${explain(error)}.`, error) : error;
    });
    if (answer.kind === "accepted") return stream;
    stream.destroy();
    // It says so to everybody in a moment; another session may take this one.
    if (answer.code === "gateway-draining") throw new Error(`${this.place.label} drains`);
    throw new RelayError("upstream-refused", `${this.place.label} refused the connection (${answer.code}): ${answer.detail || refusals[answer.code].sentence}`);
  }

  /** No new connections here; ends once the last has finished. */
  leave(): void {
    if (this.#state === "over") return;
    this.#yamux.goAway();
    this.#move("leaving", "this relay drains");
  }

  /** Ends the session and what it carries. */
  close(reason: string): void {
    this.#yamux.close(reason);
    this.#move("over", reason);
  }

  /** Call when a stream of a leaving session has ended. */
  settle(): void {
    if (this.#state === "leaving" && this.#yamux.streams === 0) this.close("drained");
  }

  async #ask(stream: YamuxStream, head: RelayHello | RelayAgent, timeoutMs: number, first?: Buffer): Promise<ReturnType<typeof relayAnswer.parse>> {
    const bytes = writeStreamHead(head);
    stream.on("error", () => stream.destroy());
    stream.write(first ? Buffer.concat([bytes, first]) : bytes);
    if (head.kind === "hello") stream.end();
    return relayAnswer.parse(await readStreamHead(stream, { timeoutMs }));
  }

  /** A stream that the upstream opened. */
  async #serve(stream: YamuxStream): Promise<void> {
    stream.on("error", () => stream.destroy());
    stream.once("close", () => this.settle());
    try {
      this.#host.onDial(upstreamStreamHead.parse(await readStreamHead(stream, { timeoutMs: helloTimeoutMs })), stream);
    } catch {
      stream.destroy(); // no head, or none that this version knows: the other side sees the reset
    }
  }

  #report(): void {
    if (this.#state !== "serving" && this.#state !== "leaving") return;
    try {
      const stream = this.#yamux.open();
      stream.on("error", () => stream.destroy()).resume();
      stream.end(writeStreamHead(this.#host.load()));
    } catch {
      // The session is ending; its owner hears so.
    }
  }

  #move(state: SessionState, why: string): void {
    if (this.#state === "over" || this.#state === state) return;
    this.#state = state;
    if (state === "over") clearInterval(this.#loadTimer);
    this.#host.onState(this, state, why);
    if (state === "leaving") setImmediate(() => this.settle());
  }
}
