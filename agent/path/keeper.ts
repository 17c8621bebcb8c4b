/**
 * Keeps the agent on the best way to its management server (S1-61, S1-62): the LAN whenever it is there, else the policy's gateways in order (or its proxy in
 * direct mode). A request that was not answered is repeated on the next way; every request given here may be repeated.
 *
 *   none --establish--> lan | proxy | gateway --LAN probe succeeds--> lan
 *    ^------- connection lost, or LAN probe fails -------'
 */
import { randomInt } from "node:crypto";
import type { Duplex } from "node:stream";
import type { AgentPolicy, ConnectionAttempt } from "../../contract/agent-site.ts";
import type { AgentErrorCode } from "../../contract/error-codes.ts";
import type { AgentPath, ConnectionStep } from "../../contract/states.ts";
import { AgentError, asAgentError } from "../errors.ts";
import type { AgentLog } from "../log.ts";
import { platform } from "../platform/current.ts";
import { AttemptLedger } from "./attempts.ts";
import { agentSiteTargets, isRouteInPolicy, isTargetInPolicy, remoteRoutes } from "./candidates.ts";
import { authority } from "./connect.ts";
import { HttpConnection, type HttpRequest, type HttpResponse } from "./http.ts";
import { openSession, pathOf, type Progress, progressOf, type Route, routeName, type Target, type Trust } from "./route.ts";
import { dialBehind } from "./tcp.ts";

export type ActivePath = { path: AgentPath; step: ConnectionStep; connectionId: string | null; since: string; error: { code: AgentErrorCode; detail: string } | null };

export type KeeperOptions = {
  policy: () => AgentPolicy;
  trust: () => Trust;
  log: AgentLog;
  /** Sent with every request, so that two machines with one identity are told apart (T22). Null: a helper command, not the agent itself. */
  instance: string | null;
  /** Whether a way counts only when the server accepts our certificate on it. False while enrolling: there is none yet. */
  isProofNeeded: boolean;
  onChange?: (active: ActivePath) => void;
  /** The agent channel as a way, when there is one: the only way of an agent that listens, the last of one that dials. */
  channelRoute?: () => Route | undefined;
  /** The agent is dialled and dials nothing itself (X4-01). */
  isListening?: boolean;
  /** The server refused this certificate with this code; true when another one is in use now and the way is worth another try. */
  onRefused?: (code: string, chainPem: string | null) => boolean;
};

/** A connection in use. */
type Link = { route: Route; target: Target; http: HttpConnection; progress: Progress; trust: Trust };

/** Between a request that failed and its repetition, ms: at once after a path change, slower where every way fails. */
const repeatAfterMs = { first: 50, max: 2_000 };
/** Between two looks at the LAN, ms; the lower bound spreads a fleet. Together with the waits below: away from a dead LAN, and back to a live one, within 5 s. */
const probeEveryMs = { min: 1_500, max: 2_000 };
const probeAnswerMs = 1_000;
const probeConfirmMs = 1_000;
/** A tunnel is asked less often: its end is seen at once when gateway or server close it. */
const remoteProbeEveryMs = 10_000;
const remoteAnswerMs = 4_000;
const proofTimeoutMs = 6_000;
/** A server that refuses our certificate (revoked, or used by two machines) is left alone for so long: asking every two seconds changes nothing. */
const refusedPauseMs = { min: 20_000, max: 40_000 };
const tryTimeoutMs = 30_000;
/** First and longest pause between rounds over gateways that all failed, ms. */
const pauseMs = { first: 1_000, max: 30_000 };

export class PathKeeper {
  readonly attempts = new AttemptLedger();
  readonly #options: KeeperOptions;
  readonly #stop = new AbortController();
  #link: Link | undefined;
  #active: ActivePath = { path: { kind: "none" }, step: "idle", connectionId: null, since: new Date().toISOString(), error: null };
  #waiters = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #isTicking = false;
  #isKicked = false;
  #lanProbe: AbortController | undefined;
  #pause = pauseMs.first;
  #nextRoundAt = 0;
  #refusedUntil = 0;
  #remoteProbedAt = 0;
  #unwatch: (() => void) | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  get active(): ActivePath {
    return this.#active;
  }

  /** The way in use, for those who open more connections on it. */
  get route(): Route | undefined {
    return this.#link?.route;
  }

  start(): void {
    this.#unwatch = platform.watchNetwork(() => {
      this.#options.log.info("addresses or routes changed");
      this.kick();
    });
    this.#schedule(0);
  }

  /** Ends everything now; safe to call twice. */
  close(): void {
    this.#unwatch?.();
    clearTimeout(this.#timer);
    this.#stop.abort();
    this.#lanProbe?.abort();
    this.#link?.http.close();
    this.#link = undefined;
    this.#wakeWaiters();
  }

  /** Looks again now: something about the network, the policy or the identity changed. */
  kick(): void {
    this.#nextRoundAt = 0;
    this.#pause = pauseMs.first;
    this.#isKicked = true;
    this.#lanProbe?.abort();
    if (!this.#isTicking) this.#schedule(0);
  }

  /** Another identity is in use: what the old one was told counts no more. */
  identityChanged(): void {
    this.#refusedUntil = 0;
    const link = this.#link;
    if (link) link.http.destroy(new Error("the agent's identity changed"));
    else this.kick();
  }

  /** A new policy came down: leaves a way, or a name of the management server, that it no longer lists. */
  policyChanged(): void {
    const link = this.#link;
    const policy = this.#options.policy();
    if (link && !(isRouteInPolicy(link.route, policy) && isTargetInPolicy(link.target, policy))) link.http.destroy(new Error("the policy does not list this way any more"));
    else if (!link) this.kick();
  }

  /** Inventory is up and policy is down over this connection (S0-21). */
  markFullyConnected(): void {
    if (this.#link) this.#setActive({ ...this.#active, step: "fully-connected" });
  }

  /** Sends a request that may be repeated; it is, on whatever way there is, until it is answered or `deadlineMs` has passed. */
  async request(request: HttpRequest, deadlineMs = 60_000): Promise<HttpResponse> {
    const deadline = Date.now() + deadlineMs;
    // A way that opens and fails at once must not be tried in a tight loop.
    for (let pause = repeatAfterMs.first; ; pause = Math.min(repeatAfterMs.max, pause * 2)) {
      const link = await this.#waitForLink(deadline);
      try {
        return await link.http.request(this.#stamp(request), Math.min(tryTimeoutMs, Math.max(1, deadline - Date.now())));
      } catch (error) {
        if (Date.now() >= deadline || this.#stop.signal.aborted) throw asAgentError(error, "lan-unreachable");
        this.#options.log.info("a request is repeated", { request: `${request.method} ${request.path}`, reason: messageOf(error), connection: link.progress.connectionId });
        await delay(pause);
      }
    }
  }

  /** One more connection to the management server on the way in use, for what would keep the usual one busy. `host` is for the request's head. */
  async openSession(signal: AbortSignal): Promise<{ socket: Duplex; host: string }> {
    const { route, target, trust } = await this.#waitForLink(Date.now() + tryTimeoutMs);
    const { socket } = await openSession(route, target, { trust, signal: AbortSignal.any([signal, this.#stop.signal]) });
    return { socket, host: authority(target.host, target.port) };
  }

  #stamp(request: HttpRequest): HttpRequest {
    return this.#options.instance === null ? request : { ...request, headers: { ...request.headers, "sallyport-instance": this.#options.instance } };
  }

  async #waitForLink(deadline: number): Promise<Link> {
    while (!this.#link?.http.isOpen) {
      const left = deadline - Date.now();
      if (this.#stop.signal.aborted || left <= 0) {
        const { error } = this.#active;
        throw new AgentError(error?.code ?? "lan-unreachable", error?.detail ?? "no way to the management server was found in time");
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 1_000));
        this.#waiters.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#link;
  }

  #wakeWaiters(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#tick(), inMs);
  }

  /** One look at the state of things. Never two at once; a kick during one makes the next follow at once. */
  async #tick(): Promise<void> {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#isKicked = false;
    const startedAt = Date.now();
    try {
      await this.#look();
    } catch (error) {
      this.#options.log.error("the path could not be judged", { reason: messageOf(error) });
    } finally {
      this.#isTicking = false;
    }
    const pause = randomInt(probeEveryMs.min, probeEveryMs.max) - (Date.now() - startedAt);
    this.#schedule(this.#isKicked ? 0 : Math.max(300, pause));
  }

  async #look(): Promise<void> {
    const link = this.#link;
    if (link?.route.kind === "lan") return this.#checkLan(link);
    if (!link && Date.now() < this.#refusedUntil) return;
    if (this.#options.isListening !== true && (await this.#tryLan())) return;
    if (this.#link) return this.#checkRemote(this.#link);
    if (Date.now() >= this.#nextRoundAt) await this.#tryRemote();
  }

  /** All names of the agent site at once; the first that proves itself wins. */
  async #tryLan(): Promise<boolean> {
    const probe = new AbortController();
    this.#lanProbe = probe;
    const signal = AbortSignal.any([probe.signal, this.#stop.signal]);
    const tries = agentSiteTargets(this.#options.policy()).map((target) => this.#open({ kind: "lan" }, target, signal));
    try {
      const link = await Promise.any(tries);
      for (const other of tries) void other.then((late) => late !== link && late.http.destroy(new Error("not needed")), () => undefined);
      this.#adopt(link);
      return true;
    } catch (error) {
      if (!probe.signal.aborted) this.#noteFailure({ kind: "lan" }, worst(error));
      return false;
    } finally {
      probe.abort();
      this.#lanProbe = undefined;
    }
  }

  async #tryRemote(): Promise<void> {
    for (const route of this.#routes()) {
      if (this.#stop.signal.aborted) return;
      try {
        this.#adopt(await this.#open(route, agentSiteTargets(this.#options.policy())[0], this.#stop.signal));
        return;
      } catch (error) {
        this.#noteFailure(route, asAgentError(error, route.kind === "proxy" ? "proxy-failed" : "gateway-unreachable"));
      }
    }
    this.#nextRoundAt = Date.now() + randomInt(Math.floor(this.#pause / 2), this.#pause);
    this.#pause = Math.min(pauseMs.max, this.#pause * 2);
  }

  #routes(): Route[] {
    const channel = this.#options.channelRoute?.();
    return [...(this.#options.isListening === true ? [] : remoteRoutes(this.#options.policy())), ...(channel ? [channel] : [])];
  }

  async #open(route: Route, target: Target, signal: AbortSignal): Promise<Link> {
    const onProgress = (progress: Progress) => {
      if (!this.#link && route.kind !== "lan") this.#setActive({ ...this.#active, step: progress.step, connectionId: progress.connectionId });
    };
    const trust = this.#options.trust();
    const session = await openSession(route, target, { trust, signal, onProgress });
    const link: Link = { route, target, trust, progress: session.progress, http: new HttpConnection(session.socket, authority(target.host, target.port), (error) => this.#lost(link, error)) };
    try {
      if (this.#options.isProofNeeded) await this.#prove(link);
    } catch (error) {
      link.http.destroy(new Error("refused"));
      throw error;
    }
    if (signal.aborted) {
      link.http.destroy(new Error("given up"));
      throw new AgentError("lan-unreachable", "given up");
    }
    return link;
  }

  /** With TLS 1.3 the client's handshake ends before the server has judged its certificate: only an answer proves that it was accepted (S0-20). */
  async #prove(link: Link): Promise<void> {
    const answer = await link.http.request(this.#stamp({ method: "GET", path: "/healthz" }), proofTimeoutMs).catch((cause: unknown) => {
      throw new AgentError("server-untrusted", `${link.http.isOpen ? "" : "The server ended the connection: "}${messageOf(cause)}.`, cause);
    });
    if (answer.status === 200 || answer.status === 503) {
      link.progress.step = "inner-chain-ok";
      return;
    }
    if (answer.status !== 403) throw new AgentError("server-untrusted", `the server answered ${answer.status} where a management server answers 200.`);
    const code = errorCodeOf(answer.body);
    this.#refused(code, link);
    throw new AgentError("server-refused-certificate", `The management server answered ${code}.`);
  }

  async #checkLan(link: Link): Promise<void> {
    if (link.http.pending > 0 && Date.now() - link.http.lastByteAt < probeAnswerMs) return;
    const answered = link.http.request(this.#stamp({ method: "GET", path: "/healthz" }), tryTimeoutMs).then((answer) => this.#judgeProbe(link, answer), () => undefined);
    if (await settlesWithin(answered, probeAnswerMs)) return;
    // Slow, or cut? A server that still takes connections is only slow.
    try {
      const socket = await dialBehind(link.trust.relay, { ...link.target, timeoutMs: probeConfirmMs, signal: this.#stop.signal, failure: { unresolved: "lan-unreachable", unreachable: "lan-unreachable" } });
      socket.destroy();
    } catch (error) {
      link.http.destroy(new Error(`the LAN is gone (${messageOf(error)})`));
      await this.#tryRemote(); // at once: the LAN was just found dead
    }
  }

  async #checkRemote(link: Link): Promise<void> {
    if (Date.now() - this.#remoteProbedAt < remoteProbeEveryMs || (link.http.pending > 0 && Date.now() - link.http.lastByteAt < remoteAnswerMs)) return;
    this.#remoteProbedAt = Date.now();
    await link.http.request(this.#stamp({ method: "GET", path: "/healthz" }), remoteAnswerMs).then((answer) => this.#judgeProbe(link, answer), () => undefined);
  }

  /** A certificate can be refused long after the connection was made: revoked, or used by two machines. */
  #judgeProbe(link: Link, answer: HttpResponse): void {
    if (answer.status !== 403) return;
    const code = errorCodeOf(answer.body);
    this.#refused(code, link);
    this.#noteFailure(link.route, new AgentError("server-refused-certificate", `The management server answered ${code}.`));
    link.http.destroy(new Error(`the management server answered ${code}`));
  }

  #refused(code: string, link: Link): void {
    if (this.#options.onRefused?.(code, link.trust.credentials?.chainPem ?? null)) this.kick();
    else this.#refusedUntil = Date.now() + randomInt(refusedPauseMs.min, refusedPauseMs.max);
  }

  #adopt(link: Link): void {
    const old = this.#link;
    this.#link = link;
    this.#remoteProbedAt = Date.now();
    this.#pause = pauseMs.first;
    old?.http.close();
    this.#setActive({ path: pathOf(link.route), step: link.progress.step, connectionId: link.progress.connectionId, since: new Date().toISOString(), error: null });
    this.attempts.add(routeName(link.route), this.#attempt(link.route, link.progress, null));
    this.#options.log.info("connected", { path: link.route.kind, via: routeName(link.route), server: authority(link.target.host, link.target.port), step: link.progress.step, connection: link.progress.connectionId });
    this.#wakeWaiters();
  }

  #lost(link: Link, error: Error): void {
    if (this.#link !== link || this.#stop.signal.aborted) return;
    this.#link = undefined;
    this.#options.log.warn("disconnected", { path: link.route.kind, via: routeName(link.route), reason: error.message, connection: link.progress.connectionId });
    this.#setActive({ path: { kind: "none" }, step: "idle", connectionId: null, since: new Date().toISOString(), error: this.#active.error });
    this.kick();
  }

  #noteFailure(route: Route, error: AgentError): void {
    const progress = progressOf(error) ?? { step: "idle", connectionId: null };
    const isNews = this.attempts.add(routeName(route), this.#attempt(route, progress, error));
    if (isNews) this.#options.log.warn("could not connect", { path: route.kind, via: routeName(route), step: progress.step, code: error.code, detail: error.message, connection: progress.connectionId });
    if (!this.#link) this.#setActive({ ...this.#active, step: progress.step, connectionId: progress.connectionId, error: { code: error.code, detail: error.message } });
  }

  #attempt(route: Route, progress: Progress, error: AgentError | null): ConnectionAttempt {
    return { at: new Date().toISOString(), path: pathOf(route), step: progress.step, code: error?.code ?? null, detail: (error?.message ?? "connected").slice(0, 500), connectionId: progress.connectionId?.slice(0, 40) ?? null };
  }

  #setActive(active: ActivePath): void {
    this.#active = active;
    this.#options.onChange?.(active);
  }
}

/** Of several failed names the one that answered wrongly says more than those that did not answer. */
function worst(error: unknown): AgentError {
  const errors = (error instanceof AggregateError ? (error.errors as unknown[]) : [error]).map((one) => asAgentError(one, "lan-unreachable"));
  return errors.find((one) => one.code !== "lan-unreachable") ?? errors[0] ?? new AgentError("lan-unreachable", "no address to try");
}

export function errorCodeOf(body: Buffer): string {
  try {
    const value = JSON.parse(body.toString("utf8")) as { error?: { code?: unknown } };
    return typeof value.error?.code === "string" ? value.error.code.slice(0, 60) : "unknown";
  } catch {
    return "unknown";
  }
}

async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
