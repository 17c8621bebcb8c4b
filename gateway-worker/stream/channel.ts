/**
 * An agent's channel after its verdict: a yamux session in which the agent opens streams to servers and the gateway opens streams to the agent (DESIGN
 * section 5). States:
 *
 *   greeting -> open -> leaving -> over       `leaving`: one side said that it takes no new streams; what runs may finish
 */
import { randomUUID } from "node:crypto";
import type tls from "node:tls";
import { agentStreamHead, channelSilenceMs } from "../../contract/channel.ts";
import type { ChannelReport, RelayHop } from "../../contract/channel.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";
import { destroyOnError } from "../net/close.ts";
import type { Timed } from "../net/deadline.ts";
import { YamuxSession } from "../net/yamux.ts";
import type { YamuxStream } from "../net/yamux.ts";
import { printable } from "./connect-head.ts";
import { ConnectStream } from "./connect-stream.ts";
import type { ConnectHost } from "./connect-stream.ts";
import type { Engine } from "./engine.ts";
import { closeWith, readHead, refusedAnswer } from "./stream-heads.ts";
import { hasEnded } from "./verdict.ts";
import type { AdmittedClient } from "./verdict.ts";

export type ChannelOwner = {
  readonly source: string;
  readonly relayPath: readonly RelayHop[];
  readonly limits: ListenerLimits;
  record: (code: RefusalCode, detail: string, target?: string | null) => void;
  /** The session is over. Called once; the TLS socket ends by itself within a second. */
  channelOver: () => void;
};

/** Streams that an agent may have open at once in one channel. */
const streamsMax = 1_024;
/** What a stream may have on its way at once, bytes; more than a fast path over 100 ms needs. */
const windowMax = 4 * 1_024 * 1_024;
/** After a go-away an idle channel is kept this long, so that the agent can open its next one before; milliseconds. */
const handOverMs = 5_000;
/** A sentence that fits the report's `endReason`. */
const reasonMax = 80;

export class Channel implements Timed, ConnectHost {
  readonly id = randomUUID();
  readonly agentId: string;
  readonly source: string;
  readonly relayPath: readonly RelayHop[];
  readonly who: AdmittedClient;
  readonly openedAtMs = Date.now();
  deadlineMs = Infinity;
  /** Of the table: when it was last reported and with which numbers, when it was last pinged. Milliseconds on the wheel's clock. */
  reportedAtMs = 0;
  reportedMark = "";
  pingedAtMs = 0;
  /** Since the agent's greeting; empty before. */
  instance = "";
  readonly #engine: Engine;
  readonly #owner: ChannelOwner;
  readonly #session: YamuxSession;
  #version = "";
  #isListening = false;
  #greeting: YamuxStream | undefined;
  #leavingSinceMs: number | undefined;
  #endReason: string | undefined;
  #endedAtMs = 0;

  /** Takes the TLS socket over. */
  constructor(engine: Engine, owner: ChannelOwner, given: { socket: tls.TLSSocket; who: AdmittedClient }) {
    this.#engine = engine;
    this.#owner = owner;
    this.who = given.who;
    this.agentId = given.who.identity.id;
    this.source = owner.source;
    this.relayPath = owner.relayPath;
    this.#session = new YamuxSession(given.socket, {
      isClient: false,
      streamsMax,
      windowMax,
      silenceMs: channelSilenceMs,
      onStream: (stream) => this.#onStream(stream),
      onEnd: (reason) => this.#over(reason),
      onGoAway: () => this.#leave(),
      onIdle: () => this.#idle(),
    });
    // A peer that opens no stream at all gets the same time as one that does not finish its first head.
    this.deadlineMs = engine.wheel.nowMs + owner.limits.requestTimeoutMs;
    engine.wheel.add(this);
  }

  get limits(): ListenerLimits {
    return this.#owner.limits;
  }

  get isOpen(): boolean {
    return this.instance !== "" && !this.#session.isOver;
  }

  /** Whether streams to the agent can be opened in it. */
  get takesStreams(): boolean {
    return this.isOpen && !this.#session.isPeerGoingAway;
  }

  get streams(): number {
    return this.#session.streams;
  }

  get bytes(): { up: number; down: number } {
    return { up: this.#session.bytesUp, down: this.#session.bytesDown };
  }

  get roundTripMs(): number | null {
    return this.#session.roundTripMs;
  }

  record(code: RefusalCode, detail: string, target: string | null = null): void {
    this.#owner.record(code, detail, target);
  }

  /** Opens a stream to the agent. Throws YamuxError. */
  open(): YamuxStream {
    const stream = this.#session.open();
    stream.on("error", destroyOnError);
    return stream;
  }

  /** Measures the path; the result is in `roundTripMs`. */
  ping(): void {
    this.pingedAtMs = this.#engine.wheel.nowMs;
    this.#session.ping().catch(() => {
      // The session ended, and says so itself.
    });
  }

  /** Tells the agent to open its next channel elsewhere; what runs here may finish. */
  drain(): void {
    this.#session.goAway();
    this.#leave();
  }

  /** Ends it and every stream in it, now. */
  close(reason: string): void {
    this.#endReason ??= reason.slice(0, reasonMax);
    this.#session.close(reason);
  }

  onDeadline(nowMs: number): void {
    if (this.instance === "") {
      this.#violated("request-timeout", `the agent said no hello within ${this.limits.requestTimeoutMs} ms of the handshake`);
      return;
    }
    const end = this.#accessProblem();
    if (end !== undefined) this.close(end);
    else if (this.#leavingSinceMs !== undefined && this.streams === 0 && nowMs - this.#leavingSinceMs >= handOverMs) this.close("moved to another channel");
    else this.#setDeadline();
  }

  #onStream(stream: YamuxStream): void {
    stream.on("error", destroyOnError);
    if (this.instance !== "") void this.#serve(stream);
    else if (this.#greeting) this.#violated("channel-protocol", "the agent opened a second stream before its hello was answered");
    else {
      this.#greeting = stream;
      void this.#greet(stream);
    }
  }

  async #greet(stream: YamuxStream): Promise<void> {
    const read = await readHead(stream, agentStreamHead, this.limits.requestTimeoutMs);
    if (this.#session.isOver) return;
    if (read.kind === "none" || read.head.kind !== "hello") {
      this.#violated("channel-protocol", read.kind === "none" ? read.detail : "the agent's first stream is no hello");
      return;
    }
    const { snapshot } = this.#engine.compiled ?? {};
    if (!snapshot) return this.close("gateway-draining");
    this.instance = read.head.instance;
    this.#version = printable(read.head.version);
    this.#isListening = read.head.isListening;
    closeWith(stream, { kind: "welcome", channelId: this.id, gatewayId: snapshot.gatewayId, gatewayName: snapshot.gatewayName });
    this.#setDeadline();
    this.#engine.channels.opened(this);
    if (this.#engine.isDraining) this.drain();
  }

  async #serve(stream: YamuxStream): Promise<void> {
    const read = await readHead(stream, agentStreamHead, this.limits.requestTimeoutMs);
    if (this.#session.isOver || stream.destroyed) return;
    if (read.kind === "none" || read.head.kind !== "connect") {
      const detail = read.kind === "none" ? read.detail : "a second hello in one channel";
      const code = read.kind === "none" && read.isLate ? "request-timeout" : "channel-protocol";
      this.record(code, detail);
      closeWith(stream, refusedAnswer(code, detail));
    } else ConnectStream.serve(this.#engine, this, { stream, target: read.head.target });
  }

  /** The peer does not speak the protocol: nothing of it is believed any more. */
  #violated(code: RefusalCode, detail: string): void {
    this.record(code, detail);
    this.close(detail);
  }

  #leave(): void {
    if (this.#leavingSinceMs !== undefined || this.#session.isOver) return;
    this.#leavingSinceMs = this.#engine.wheel.nowMs;
    this.#idle();
    if (!this.#session.isOver && this.instance !== "") this.#setDeadline();
  }

  /** No stream is left: an agent that said good-bye itself has its next channel. */
  #idle(): void {
    if (this.#session.isPeerGoingAway && this.streams === 0) this.close("moved to another channel");
  }

  /** Why the agent may no longer hold a channel; undefined while it may. Changes of the access table end it through its connection at once (T10). */
  #accessProblem(): "agent-revoked" | "certificate-expired" | undefined {
    const entry = this.#engine.accessOf("agent", this.agentId) ?? this.who.entry;
    if (hasEnded(entry, Date.now())) return "agent-revoked";
    return Date.now() >= this.who.peer.validToMs ? "certificate-expired" : undefined;
  }

  /** Looked at again when access or certificate end, and while leaving every now and then. */
  #setDeadline(): void {
    const { wheel } = this.#engine;
    const entry = this.#engine.accessOf("agent", this.agentId) ?? this.who.entry;
    const endsAtMs = Math.min(this.who.peer.validToMs, entry.expiresAt === null ? Infinity : entry.expiresAt * 1_000);
    const leavesAtMs = this.#leavingSinceMs === undefined ? Infinity : Math.max(wheel.nowMs + 1_000, this.#leavingSinceMs + handOverMs);
    this.deadlineMs = Math.min(wheel.nowMs + Math.max(0, endsAtMs - Date.now()), leavesAtMs);
    wheel.add(this);
  }

  #over(reason: string): void {
    this.#endReason ??= reason.slice(0, reasonMax);
    this.#endedAtMs = Date.now();
    this.deadlineMs = Infinity;
    this.#engine.wheel.remove(this);
    this.#greeting = undefined;
    if (this.instance !== "") this.#engine.channels.closed(this);
    this.#owner.channelOver();
  }

  report(): ChannelReport {
    const { up, down } = this.bytes;
    const isOver = this.#session.isOver;
    return {
      channelId: this.id,
      agentId: this.agentId,
      instance: this.instance,
      openedAt: new Date(this.openedAtMs).toISOString(),
      source: this.source,
      relayPath: [...this.relayPath],
      isListening: this.#isListening,
      version: this.#version,
      streams: isOver ? 0 : this.streams,
      bytesUp: up,
      bytesDown: down,
      roundTripMs: this.roundTripMs,
      endedAt: isOver ? new Date(this.#endedAtMs).toISOString() : null,
      endReason: isOver ? (this.#endReason ?? "closed") : null,
    };
  }
}

