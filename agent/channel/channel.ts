/**
 * One open agent channel: a yamux session inside mutual TLS with a gateway. It answers what the gateway opens, opens `connect` streams to servers, and leaves in
 * order: no new streams, those that run may finish.
 *
 *   open --leave, or the gateway's go-away--> leaving --last stream done, or told too late--> ended
 */
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { agentStreamHead, type AgentStreamHead, channelPingEveryMs, channelPingTimeoutMs, gatewayStreamHead, type GatewayStreamHead, streamAnswer, type StreamAnswer } from "../../contract/channel.ts";
import { readStreamHead, writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { YamuxSession, type YamuxStream } from "../../gateway-worker/net/yamux.ts";
import { AgentError, asAgentError } from "../errors.ts";
import { authority } from "../path/connect.ts";
import type { ChannelWay, PolicyGateway, Target } from "../path/route.ts";

/** Streams that the gateway may have open at once: sessions and wakes. */
const streamsMax = 512;
const headTimeoutMs = 10_000;
/** After an answer that ends a stream, ms. */
const lingerMs = 5_000;
const helloTimeoutMs = 8_000;
/** A channel that was told to leave is cut when its streams have not finished by then, ms: a session's own end is at most a day away, a gateway's drain far less. */
const leavingMaxMs = 15 * 60_000;

export type Welcome = Extract<StreamAnswer, { kind: "welcome" }>;

export type ChannelOptions = {
  socket: tls.TLSSocket;
  /** The gateway whose pin fitted, as the policy has it. */
  gateway: PolicyGateway;
  /** A proxy in front, as text; null: none. */
  via: string | null;
  isListening: boolean;
  /** Serves what the gateway opens; the stream is paused behind its head. */
  onStream: (stream: Duplex, head: GatewayStreamHead, channel: AgentChannel) => void;
  /** The gateway takes no new streams on this channel: the next one is wanted. */
  onGoAway: (channel: AgentChannel) => void;
  onEnd: (channel: AgentChannel, reason: string) => void;
};

export class AgentChannel implements ChannelWay {
  readonly openedAt = new Date();
  readonly gateway: PolicyGateway;
  readonly via: string | null;
  readonly isListening: boolean;
  readonly #options: ChannelOptions;
  readonly #session: YamuxSession;
  readonly #streams = new Set<Duplex>();
  #welcome: Welcome | undefined;
  #isLeaving = false;
  #leavingTimer: NodeJS.Timeout | undefined;

  constructor(options: ChannelOptions) {
    this.gateway = options.gateway;
    this.via = options.via;
    this.isListening = options.isListening;
    this.#options = options;
    this.#session = new YamuxSession(options.socket, {
      isClient: true,
      streamsMax,
      onStream: (stream) => void this.#serve(stream),
      onGoAway: () => options.onGoAway(this),
      onEnd: (reason) => {
        clearTimeout(this.#leavingTimer);
        options.onEnd(this, reason);
      },
    });
    this.#session.keepAlive({ everyMs: channelPingEveryMs, timeoutMs: channelPingTimeoutMs });
  }

  get channelId(): string {
    return this.#welcome?.channelId ?? "";
  }

  get gatewayId(): string {
    return this.#welcome?.gatewayId ?? this.gateway.id;
  }

  get gatewayName(): string {
    return this.#welcome?.gatewayName ?? this.gateway.name;
  }

  /** Streams open now, both sides'. */
  get streams(): number {
    return this.#streams.size;
  }

  get roundTripMs(): number | null {
    return this.#session.roundTripMs;
  }

  get isOver(): boolean {
    return this.#session.isOver;
  }

  /** First thing on a new channel: who we are, and which channel this is. Throws AgentError when the gateway refuses. */
  async hello(hello: Omit<Extract<AgentStreamHead, { kind: "hello" }>, "kind" | "isListening">, signal: AbortSignal): Promise<void> {
    const { stream, answer } = await this.#ask({ kind: "hello", ...hello, isListening: this.isListening }, { timeoutMs: helloTimeoutMs, signal });
    stream.end();
    stream.resume();
    if (answer.kind !== "welcome") throw new AgentError("channel-failed", `${this.gateway.name} answered ${answer.kind} to hello.`);
    this.#welcome = answer;
  }

  /** Bytes to a server of this gateway, as with CONNECT. Throws AgentError. */
  async openTo(target: Target, options: { timeoutMs: number; signal: AbortSignal }): Promise<Duplex> {
    const { stream } = await this.#ask({ kind: "connect", target: authority(target.host, target.port) }, options);
    return stream;
  }

  /** Whether a byte comes back within `timeoutMs`. */
  async answersWithin(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    try {
      return await Promise.race([this.#session.ping().then(() => true, () => false), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes no new streams and ends with the last one that runs. Safe to call twice. */
  leave(): void {
    if (this.#isLeaving || this.isOver) return;
    this.#isLeaving = true;
    this.#session.goAway();
    this.#leavingTimer = setTimeout(() => this.close("its streams did not finish in time"), leavingMaxMs);
    this.#leavingTimer.unref();
    this.#endWhenDone();
  }

  /** Now, with everything on it. */
  close(reason: string): void {
    this.#session.close(reason);
  }

  async #ask(head: AgentStreamHead, options: { timeoutMs: number; signal: AbortSignal }): Promise<{ stream: YamuxStream; answer: StreamAnswer }> {
    const stream = this.#open();
    const abort = () => stream.destroy();
    options.signal.addEventListener("abort", abort, { once: true });
    try {
      stream.write(writeStreamHead(agentStreamHead.parse(head)));
      const answer = streamAnswer.parse(await readStreamHead(stream, { timeoutMs: options.timeoutMs }));
      if (answer.kind === "refused") throw refusedBy(this.gatewayName, head, answer);
      return { stream, answer };
    } catch (error) {
      stream.destroy();
      throw asAgentError(error, "channel-failed");
    } finally {
      options.signal.removeEventListener("abort", abort);
    }
  }

  #open(): YamuxStream {
    try {
      return this.#track(this.#session.open());
    } catch (cause) {
      throw new AgentError("channel-failed", `The channel to ${this.gatewayName} takes no new streams (${cause instanceof Error ? cause.message : "closed"}).`, cause);
    }
  }

  async #serve(stream: YamuxStream): Promise<void> {
    this.#track(stream);
    let head: GatewayStreamHead;
    try {
      const value = await readStreamHead(stream, { timeoutMs: headTimeoutMs });
      const parsed = gatewayStreamHead.safeParse(value);
      if (!parsed.success) return endWith(stream, { kind: "refused", code: "channel-protocol", detail: "this agent knows reach and wake" });
      head = parsed.data;
    } catch {
      // Whoever opened it sent no head we could read, or left: there is nobody to tell.
      stream.destroy();
      return;
    }
    this.#options.onStream(stream, head, this);
  }

  #track(stream: YamuxStream): YamuxStream {
    stream.on("error", () => stream.destroy());
    this.#streams.add(stream);
    stream.once("close", () => {
      this.#streams.delete(stream);
      this.#endWhenDone();
    });
    return stream;
  }

  #endWhenDone(): void {
    if (this.#isLeaving && this.#streams.size === 0 && !this.isOver) this.close("left");
  }
}

/** Answers a stream and closes it in order; a peer that leaves its half open does not keep it. */
export function endWith(stream: Duplex, answer: StreamAnswer): void {
  stream.end(writeStreamHead(answer));
  stream.resume();
  const timer = setTimeout(() => stream.destroy(), lingerMs);
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
}

function refusedBy(gateway: string, head: AgentStreamHead, answer: Extract<StreamAnswer, { kind: "refused" }>): AgentError {
  const sentence = `${gateway} refused ${head.kind === "connect" ? head.target : "the channel"}: ${answer.code}${answer.detail === "" ? "" : ` (${answer.detail})`}.`;
  if (answer.code === "agent-not-approved") return new AgentError("agent-awaits-approval", sentence);
  return new AgentError(head.kind === "connect" ? "gateway-refused" : "channel-failed", sentence);
}
