/**
 * The relay: agents' connections in, streams of one session per upstream out. It ends no agent's TLS, keeps no state (S4-23, S4-30) and believes
 * nobody: gateways judge the agents, agents judge the gateway, and a person confirms the relay.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type tls from "node:tls";
import { type RelaySettings, type UpstreamStreamHead } from "../../contract/relay.ts";
import { DeadlineWheel } from "../net/deadline.ts";
import type { YamuxStream } from "../net/yamux.ts";
import { AgentDialer } from "./dial-agent.ts";
import { DialIn } from "./dial-in.ts";
import { Entry } from "./entry.ts";
import { explain } from "../errors.ts";
import type { RelayIdentity } from "./identity.ts";
import type { RelayLog } from "./log.ts";
import { UpstreamLink, type UpstreamView } from "./upstream-link.ts";
import { UpstreamPool } from "./upstream-pool.ts";
import { type RelayHello, type RelayLoad, type SessionState, UpstreamSession } from "./upstream-session.ts";
import { relayVersion } from "./version.ts";

/** Sessions of upstreams that dialled in, at once. */
const dialledInMax = 64;
/** Refusals in the log per 10 s; the rest are counted. */
const refusalLinesMax = 20;
const refusalWindowMs = 10_000;

export type RelayView = {
  name: string;
  relayKey: string;
  fingerprint: string;
  node: string;
  version: string;
  startedAt: string;
  /** One sentence when no upstream serves, else null. */
  notReady: string | null;
  warnings: string[];
  isDraining: boolean;
  upstreams: (UpstreamView & { direction: "relay-dials" | "upstream-dials"; streams: number; roundTripMs: number | null })[];
  load: Omit<RelayLoad, "kind">;
};

export class Relay {
  readonly #settings: RelaySettings;
  readonly #identity: RelayIdentity;
  readonly #log: RelayLog;
  readonly #wheel = new DeadlineWheel();
  readonly #pool = new UpstreamPool();
  readonly #entry: Entry;
  readonly #links: UpstreamLink[];
  readonly #dialer: AgentDialer;
  readonly #stopping = new AbortController();
  readonly #node = randomUUID();
  readonly #startedAt = new Date().toISOString();
  readonly #counts = { opened: 0, refused: 0, bytesUp: 0, bytesDown: 0 };
  #refusalLines = { sinceMs: 0, count: 0 };
  #isDraining = false;
  #running: Promise<unknown> | undefined;

  constructor(settings: RelaySettings, identity: RelayIdentity, log: RelayLog) {
    this.#settings = settings;
    this.#identity = identity;
    this.#log = log;
    const onBytes = (length: number, isUp: boolean): void => this.#count(length, isUp);
    const dialIn = new DialIn(settings, identity, { onUpstream: (socket, gatewayId, source) => this.#dialledIn(socket, gatewayId, source), onRefused: (source, detail) => this.#refused(source, detail) });
    this.#entry = new Entry(settings, {
      wheel: this.#wheel,
      pool: this.#pool,
      connectTimeoutMs: settings.connectTimeoutMs,
      idleTimeoutMs: settings.idleTimeoutMs,
      onUpstream: (raw, source, first) => dialIn.take(raw, source, first),
      onRefused: (source, detail) => this.#refused(source, detail),
      onBytes,
      onCarrying: () => { this.#counts.opened += 1; },
    });
    this.#dialer = new AgentDialer(settings, { wheel: this.#wheel, idleTimeoutMs: settings.idleTimeoutMs, onBytes, onOpened: () => { this.#counts.opened += 1; }, onFailed: (detail) => this.#refused("the upstream", `asked for a listening agent: ${detail}`) });
    const host = { hello: () => this.#hello(), load: () => this.#load(), onDial: (head: UpstreamStreamHead, stream: YamuxStream) => this.#dialForUpstream(head, stream), onSession: (session: UpstreamSession) => this.#pool.add(session), onState: (session: UpstreamSession, state: SessionState, why: string) => this.#moved(session, state, why), onProblem: (label: string, sentence: string) => log.warn(sentence, { upstream: label }) };
    this.#links = settings.upstreams.map((upstream, rank) => new UpstreamLink(upstream, rank, { settings, identity, host }));
  }

  /** What a person must be told at every start and in `status`. */
  get warnings(): string[] {
    return this.#settings.disableUpstreamValidation ? ['The certificate of the upstream is NOT checked ("disableUpstreamValidation" in relay.json): anybody in between can take its place and cut or delay agents. Use this for set-up and tests only, and remove it.'] : [];
  }

  /** Binds the port and begins to reach for upstreams. Rejects with RelayError `listen`. */
  async start(): Promise<void> {
    await this.#entry.listen();
    for (const warning of this.warnings) this.#log.warn(warning);
    this.#running = Promise.all(this.#links.map(async (link) => await link.run(this.#stopping.signal)));
    const { address, port } = this.#settings.listen;
    this.#log.info(`the relay ${this.#settings.name} listens on ${address} port ${port}; ${this.#links.length === 0 ? "it waits for its upstream to dial in" : `upstreams: ${this.#links.map((link) => link.view.label).join(", ")}`}`, { fingerprint: this.#identity.fingerprint, node: this.#node });
  }

  /** Accepts no more, tells upstreams, lets connections finish for at most `drainTimeoutMs`, then cuts them. */
  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#entry.close();
    for (const session of this.#pool.sessions) session.leave();
    this.#stopping.abort();
    const untilMs = performance.now() + this.#settings.drainTimeoutMs;
    while (performance.now() < untilMs && (this.#entry.connections > 0 || this.#pool.sessions.some((session) => session.streams > 0))) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Ends everything now. */
  async close(): Promise<void> {
    this.#isDraining = true;
    this.#stopping.abort();
    this.#entry.close();
    this.#entry.cut();
    for (const session of this.#pool.sessions) session.close("the relay stops");
    await this.#running;
    this.#wheel.close();
  }

  view(): RelayView {
    const sessions = this.#pool.sessions;
    const inOrder = [
      ...this.#links.map((link) => {
        const session = sessions.find((one) => one.place.label === link.view.label && one.state === "serving");
        return { ...link.view, direction: "relay-dials" as const, streams: session?.streams ?? 0, roundTripMs: session?.roundTripMs ?? null };
      }),
      ...sessions.filter((session) => session.place.rank >= dialledInRank).map((session) => ({ label: session.place.label, state: session.state === "serving" ? ("serving" as const) : ("connecting" as const), detail: session.state, since: new Date(Date.now() - (performance.now() - session.startedAtMs)).toISOString(), direction: "upstream-dials" as const, streams: session.streams, roundTripMs: session.roundTripMs })),
    ];
    const { kind: _kind, ...load } = this.#load();
    return { name: this.#settings.name, relayKey: this.#settings.relayKey, fingerprint: this.#identity.fingerprint, node: this.#node, version: relayVersion, startedAt: this.#startedAt, notReady: this.#notReady(), warnings: this.warnings, isDraining: this.#isDraining, upstreams: inOrder, load };
  }

  #notReady(): string | null {
    if (this.#isDraining) return "the relay drains";
    if (this.#pool.isServing) return null;
    if (this.#links.length === 0) return "no upstream has dialled in yet";
    return this.#links.map((link) => link.view.detail || `${link.view.label}: connecting`).join("; ");
  }

  #hello(): RelayHello {
    return { kind: "hello", relayKey: this.#settings.relayKey, node: this.#node, organisationId: this.#settings.organisationId, version: relayVersion, hostname: hostname().slice(0, 253), startedAt: this.#startedAt };
  }

  #load(): RelayLoad {
    return { kind: "load", connections: this.#entry.connections, ...this.#counts };
  }

  #dialledIn(socket: tls.TLSSocket, gatewayId: string, source: string): void {
    const label = `gateway ${gatewayId} at ${source}`;
    if (this.#isDraining || this.#pool.sessions.filter((session) => session.place.rank >= dialledInRank).length >= dialledInMax) {
      this.#refused(source, "an upstream dialled in, and there are too many sessions already");
      setImmediate(() => socket.destroy());
      return;
    }
    const session = new UpstreamSession(socket, { label, rank: dialledInRank, serverName: null }, { hello: () => this.#hello(), load: () => this.#load(), onDial: (head, stream) => this.#dial(head, stream), onState: (one, state, why) => this.#moved(one, state, why) });
    this.#pool.add(session);
    session.greet().catch((error: unknown) => this.#log.warn(explain(error), { upstream: label }));
  }

  /** An upstream that was dialled unchecked may be anybody: it must not lead into the network behind the relay. One that dialled in has proven itself. */
  #dialForUpstream(head: UpstreamStreamHead, stream: YamuxStream): void {
    if (this.#settings.disableUpstreamValidation) this.#dialer.refuse('the relay does not check who its upstream is ("disableUpstreamValidation" in relay.json), so it dials nothing for it', stream);
    else this.#dial(head, stream);
  }

  #dial(head: UpstreamStreamHead, stream: YamuxStream): void {
    this.#log.debug("the upstream asks for a listening agent", { host: head.host, port: head.port });
    void this.#dialer.dial(head, stream);
  }

  #moved(session: UpstreamSession, state: SessionState, why: string): void {
    const { label } = session.place;
    if (state === "serving") {
      this.#log.info(`${label} takes this relay's connections`, { upstream: label });
      this.#pool.wake();
    }
    if (state === "leaving" && !this.#isDraining) this.#log.info(`${label} takes no more connections: ${why}`, { upstream: label });
    if (state === "over") {
      this.#pool.remove(session);
      this.#log.debug(`the session with ${label} is over: ${why}`, { upstream: label });
    }
  }

  #refused(source: string, detail: string): void {
    this.#counts.refused += 1;
    const nowMs = this.#wheel.nowMs;
    if (nowMs - this.#refusalLines.sinceMs > refusalWindowMs) this.#refusalLines = { sinceMs: nowMs, count: 0 };
    this.#refusalLines.count += 1;
    if (this.#refusalLines.count <= refusalLinesMax) this.#log.warn(`refused a connection from ${source}: ${detail}`, { source });
  }

  #count(length: number, isUp: boolean): void {
    if (isUp) this.#counts.bytesUp += length;
    else this.#counts.bytesDown += length;
  }
}

/** Behind every upstream of the settings; there are none of those when upstreams dial in. */
const dialledInRank = 1_000;
