/**
 * Keeps one agent channel open while the policy wants one (DESIGN section 5). The next channel is always opened before the one in use is left: on a gateway's go-away,
 * a new policy or identity, or a network that changed under it. A loss is answered at once, repeated failures ever more slowly (T39).
 *
 *   none --seek--> open --go-away | policy | identity | does not answer--> open, next one sought --> open (the old one leaves)
 *    ^--- lost ------'
 */
import { randomInt } from "node:crypto";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import type { AgentErrorCode } from "../../contract/error-codes.ts";
import { Backoff } from "../../gateway-worker/net/backoff.ts";
import { type AgentError, asAgentError } from "../errors.ts";
import type { AgentLog } from "../log.ts";
import type { Route, Trust } from "../path/route.ts";
import { platform } from "../platform/current.ts";
import type { AgentChannel, ChannelOptions } from "./channel.ts";
import { firstOf } from "./first-of.ts";
import { type ChannelOpening, type ChannelPlace, channelPlaces, openChannel } from "./open.ts";

export type ChannelFacts = { gatewayId: string; gatewayName: string; channelId: string; openedAt: string; via: string | null; isListening: boolean; streams: number; roundTripMs: number | null };
export type ChannelProblem = { code: AgentErrorCode; detail: string };

export type ChannelKeeperOptions = {
  /** With this computer's own settings over it. */
  policy: () => AgentPolicy;
  trust: () => Trust;
  log: AgentLog;
  /** Of this run of the agent (T22). */
  instance: string;
  /** The agent is dialled (X4-01): nothing is dialled here, channels come by `adopt`. */
  isListening: boolean;
  onStream: ChannelOptions["onStream"];
  /** A channel came, went, or could not be opened. */
  onChange: () => void;
};

/** Before the first try after a loss, ms: at once, yet a gateway's agents do not all come in the same instant (T39). */
const firstTryMs = { min: 50, max: 800 };
/** The same while the channel in use still carries what it has, ms. */
const moveMs = { min: 0, max: 300 };
/** Repeated failures, ms. */
const retryMs = { firstMs: 1_000, maxMs: 60_000 };
/** The second channel in a row that did not last this long counts as a failure: two machines with one identity would throw each other out without end (T22). */
const stableMs = 90_000;
/** Head start of a gateway over the next one in the policy's order, ms. */
const headStartMs = 1_200;
/** How long an open channel may take to answer after the network changed or the computer slept, ms. */
const doubtMs = 3_000;
const clockTickMs = 2_000;
/** A clock that jumped by more than this between two ticks: the computer slept. */
const sleptMs = 10_000;
/** Equal failures are told once in this time, ms. */
const retellMs = 60_000;

export class ChannelKeeper {
  readonly #options: ChannelKeeperOptions;
  readonly #stop = new AbortController();
  readonly #backoff = new Backoff(retryMs);
  /** Channels in use: one, or one for each gateway that dials us. */
  readonly #open = new Set<AgentChannel>();
  readonly #leaving = new Set<AgentChannel>();
  #current: AgentChannel | undefined;
  #problem: ChannelProblem | null = null;
  #isNextWanted = false;
  #isSeeking = false;
  #shortLived = 0;
  #restsUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #clock: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  #told = { text: "", atMs: 0 };

  constructor(options: ChannelKeeperOptions) {
    this.#options = options;
  }

  /** The channel in use; null when there is none. */
  get facts(): ChannelFacts | null {
    const channel = this.#current;
    if (!channel) return null;
    const { gatewayId, gatewayName, channelId, openedAt, via, isListening, streams, roundTripMs } = channel;
    return { gatewayId, gatewayName, channelId, openedAt: openedAt.toISOString(), via, isListening, streams, roundTripMs };
  }

  /** Why there is no channel; null when there is one, or none is wanted. */
  get problem(): ChannelProblem | null {
    return this.#problem;
  }

  /** The channel as a way for requests: for an agent that is dialled the only one. Never through a proxy (S0-26). */
  get route(): Route | undefined {
    const channel = this.#current;
    return channel && channel.via === null ? { kind: "channel", channel } : undefined;
  }

  /** For channels that others open. */
  opening(signal: AbortSignal): ChannelOpening {
    return { trust: this.#options.trust(), instance: this.#options.instance, signal, onStream: this.#options.onStream, onGoAway: (channel) => this.#goneAway(channel), onEnd: (channel, reason) => this.#ended(channel, reason) };
  }

  start(): void {
    this.#unwatch = platform.watchNetwork(() => this.#doubt("addresses or routes changed"));
    let last = Date.now();
    this.#clock = setInterval(() => {
      if (Date.now() - last > sleptMs) this.#doubt("the computer slept");
      last = Date.now();
    }, clockTickMs);
    this.#clock.unref();
    this.policyChanged();
  }

  /** Ends everything now; safe to call twice. */
  close(): void {
    this.#stop.abort();
    this.#unwatch?.();
    clearTimeout(this.#timer);
    clearInterval(this.#clock);
    for (const channel of [...this.#open, ...this.#leaving]) channel.close("the agent stops");
  }

  /** A new policy, or a first one: seeks, changes over or leaves as it says. */
  policyChanged(): void {
    const places = channelPlaces(this.#options.policy());
    for (const channel of this.#open) {
      if (places.length === 0) this.#leave(channel);
      else if (!places.some((place) => isSamePlace(place, channel))) this.#wantNext("the policy changed");
    }
    if (places.length === 0) {
      this.#isNextWanted = false;
      this.#problem = null;
      this.#options.onChange();
    } else if (!this.#current) this.#wantNext(null);
  }

  /** Another certificate is in use: a channel with the old one is not what the policy means any more. */
  identityChanged(): void {
    this.#restsUntil = 0;
    this.#backoff.reset();
    this.#wantNext("the agent's identity changed");
  }

  /** The management server refused this identity: revoked, or a newer machine has it (T22). The channel is left to that one; another try comes later than `ms`. */
  rest(ms: number): void {
    for (const channel of this.#open) this.#leave(channel);
    this.#restsUntil = performance.now() + ms;
    if (channelPlaces(this.#options.policy()).length === 0 || this.#options.isListening) return;
    this.#problem = { code: "channel-failed", detail: "The management server refused this agent's certificate; no channel is tried until it is asked again." };
    this.#options.onChange();
    this.#isNextWanted = true;
    this.#seekIn(ms);
  }

  /** The management server took this identity: nothing to wait for. */
  accepted(): void {
    if (performance.now() >= this.#restsUntil) return;
    this.#restsUntil = 0;
    this.#seekIn(0);
  }

  /** Takes over a channel that is ready. Of those to one gateway the newest is used, the others leave. */
  adopt(channel: AgentChannel): void {
    if (this.#stop.signal.aborted) return channel.close("the agent stops");
    const before = this.#current;
    this.#open.add(channel);
    this.#current = channel;
    this.#isNextWanted = false;
    this.#problem = null;
    clearTimeout(this.#timer);
    for (const other of this.#open) if (other !== channel && (!this.#options.isListening || other.gatewayId === channel.gatewayId)) this.#leave(other);
    this.#options.log.info("the agent channel is open", { gateway: channel.gatewayName, channel: channel.channelId, via: channel.via, after: before?.channelId });
    this.#options.onChange();
    // Its connection may have ended between the welcome and now.
    if (channel.isOver) this.#ended(channel, "it ended at once");
  }

  /** Why a channel could not be opened, for log, status and console. */
  failed(error: AgentError): void {
    const text = `${error.code} ${error.message}`;
    const isNews = text !== this.#told.text || Date.now() - this.#told.atMs > retellMs;
    if (isNews) {
      this.#told = { text, atMs: Date.now() };
      this.#options.log.warn("the agent channel could not be opened", { code: error.code, detail: error.message });
    }
    if (this.#current) return;
    this.#problem = { code: error.code, detail: error.message.slice(0, 500) };
    this.#options.onChange();
  }

  #wantNext(reason: string | null): void {
    if (this.#options.isListening || this.#stop.signal.aborted) return;
    if (reason !== null && this.#current) this.#options.log.info("the next agent channel is opened", { reason, channel: this.#current.channelId });
    this.#isNextWanted = true;
    if (!this.#isSeeking) this.#seekIn(this.#current ? randomInt(moveMs.min, moveMs.max) : 0);
  }

  #seekIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stop.signal.aborted || this.#options.isListening) return;
    this.#timer = setTimeout(() => void this.#seek(), Math.max(ms, this.#restsUntil - performance.now()));
  }

  async #seek(): Promise<void> {
    const places = channelPlaces(this.#options.policy());
    if (this.#isSeeking || !this.#isNextWanted || places.length === 0 || this.#options.trust().credentials === null) return;
    this.#isSeeking = true;
    try {
      const channel = await firstOf<ChannelPlace, AgentChannel>({ items: places, headStartMs, signal: this.#stop.signal, start: (place, signal) => openChannel(place, this.opening(signal)), discard: (late) => late.close("not needed") });
      this.#isSeeking = false;
      this.adopt(channel);
      // The policy may have changed while it was being opened.
      if (!channelPlaces(this.#options.policy()).some((place) => isSamePlace(place, channel))) this.policyChanged();
    } catch (error) {
      this.#isSeeking = false;
      if (this.#stop.signal.aborted) return;
      for (const one of error instanceof AggregateError ? (error.errors as unknown[]) : [error]) this.failed(asAgentError(one, "channel-failed"));
      this.#seekIn(this.#backoff.next());
    }
  }

  #goneAway(channel: AgentChannel): void {
    if (channel === this.#current) this.#wantNext("the gateway takes no new streams on it");
    if (this.#options.isListening) this.#leave(channel);
  }

  #leave(channel: AgentChannel): void {
    this.#open.delete(channel);
    this.#leaving.add(channel);
    if (this.#current === channel) this.#current = [...this.#open].at(-1);
    channel.leave();
  }

  #ended(channel: AgentChannel, reason: string): void {
    const wasLeaving = this.#leaving.delete(channel);
    if (!this.#open.delete(channel) || this.#stop.signal.aborted) {
      if (wasLeaving) this.#options.log.info("an agent channel was left", { channel: channel.channelId, gateway: channel.gatewayName, reason });
      return;
    }
    const lastedMs = Date.now() - channel.openedAt.getTime();
    this.#options.log.warn("the agent channel ended", { channel: channel.channelId, gateway: channel.gatewayName, reason, seconds: Math.round(lastedMs / 1000) });
    if (this.#current === channel) this.#current = [...this.#open].at(-1);
    if (!this.#current) this.#problem = { code: "channel-failed", detail: `The channel to ${channel.gatewayName} ended: ${reason}.`.slice(0, 500) };
    this.#options.onChange();
    if (this.#current || channelPlaces(this.#options.policy()).length === 0) return;
    this.#isNextWanted = true;
    if (this.#isSeeking) return;
    this.#shortLived = lastedMs < stableMs ? this.#shortLived + 1 : 0;
    if (this.#shortLived <= 1) this.#backoff.reset();
    this.#seekIn(this.#shortLived <= 1 ? randomInt(firstTryMs.min, firstTryMs.max) : this.#backoff.next());
  }

  /** Something happened to the network: the channel is asked, and only one that does not answer is replaced. */
  #doubt(reason: string): void {
    const channel = this.#current;
    this.#backoff.reset();
    if (!channel) return this.#seekIn(firstTryMs.min);
    void channel.answersWithin(doubtMs).then((isAlive) => {
      if (!isAlive && channel === this.#current) this.#wantNext(`${reason}, and it does not answer`);
    });
  }
}

function isSamePlace(place: ChannelPlace, channel: AgentChannel): boolean {
  const { gateway } = channel;
  return place.gateway.fqdn === gateway.fqdn && place.gateway.port === gateway.port && gateway.pins.every((pin) => place.gateway.pins.includes(pin));
}
