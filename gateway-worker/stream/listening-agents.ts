/**
 * Agents that listen rather than dial (X4-01): this engine has the relay connect to each, hands the stream to the tunnel listener, in which the agent is the TLS
 * client as everywhere, and does it again when the connection ends. Each has a back-off of its own, with jitter, so that a relay's restart starts no storm (T39).
 */
import type { RelayReport } from "../../contract/relay.ts";
import { Backoff } from "../net/backoff.ts";
import type { Engine } from "./engine.ts";
import type { RelaySession } from "./relay-session.ts";

type Address = { host: string; port: number };
type Kept = Address & { state: "waiting" | "dialling" | "connected" | "gone"; dueMs: number; connectedAtMs: number; backoff: Backoff; problem: string | null };

const lookEveryMs = 500;
/** Dials under way at once through one relay. */
const diallingMax = 32;
const dialTimeoutMs = 10_000;
/** A connection that lasted this long was good: the next dial is soon, milliseconds. */
const goodMs = 30_000;
const firstDelayMs = 1_000;
const maxDelayMs = 60_000;
/** contract/relay.ts, relayReport.unreachable. */
const unreachableMax = 50;

export class ListeningAgents {
  readonly #engine: Engine;
  readonly #session: RelaySession;
  readonly #agents = new Map<string, Kept>();
  readonly #timer: NodeJS.Timeout;
  #dialling = 0;

  constructor(engine: Engine, session: RelaySession, agents: readonly Address[]) {
    this.#engine = engine;
    this.#session = session;
    this.update(agents);
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
    this.#look();
  }

  /** Those that are no longer listed are not dialled again; a connection that is open goes on. */
  update(agents: readonly Address[]): void {
    const wanted = new Map(agents.map((agent) => [`${agent.host} ${agent.port}`, agent]));
    for (const [key, kept] of this.#agents) {
      if (wanted.has(key)) continue;
      kept.state = "gone";
      this.#agents.delete(key);
    }
    for (const [key, { host, port }] of wanted) {
      if (!this.#agents.has(key)) this.#agents.set(key, { host, port, state: "waiting", dueMs: 0, connectedAtMs: 0, backoff: new Backoff({ firstMs: firstDelayMs, maxMs: maxDelayMs }), problem: null });
    }
  }

  unreachable(): RelayReport["unreachable"] {
    const found: RelayReport["unreachable"] = [];
    for (const { host, port, problem } of this.#agents.values()) {
      if (problem !== null && found.length < unreachableMax) found.push({ host, port, detail: problem.slice(0, 300) });
    }
    return found;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const kept of this.#agents.values()) kept.state = "gone";
    this.#agents.clear();
  }

  #look(): void {
    const nowMs = performance.now();
    for (const kept of this.#agents.values()) {
      if (this.#dialling >= diallingMax || !this.#session.isOpen) return;
      if (kept.state === "waiting" && kept.dueMs <= nowMs) void this.#dial(kept);
    }
  }

  async #dial(kept: Kept): Promise<void> {
    kept.state = "dialling";
    this.#dialling += 1;
    const stream = await this.#session.dial({ host: kept.host, port: kept.port }, dialTimeoutMs);
    this.#dialling -= 1;
    if (isGone(kept)) {
      if (typeof stream !== "string") stream.destroy();
      return;
    }
    if (typeof stream === "string") return this.#failed(kept, stream);
    const { listener, relay } = this.#session;
    const taken = listener && relay ? listener.takeRelayed(stream, { source: `${kept.host}:${kept.port}`.slice(0, 60), passage: { path: this.#session.path, relayId: relay.relayId }, isDialled: true }) : "gateway-draining";
    if (typeof taken === "string") {
      stream.destroy();
      return this.#failed(kept, `the gateway did not take the connection: ${taken}`);
    }
    kept.state = "connected";
    kept.connectedAtMs = performance.now();
    this.#setProblem(kept, null);
    stream.once("close", () => this.#ended(kept));
  }

  #failed(kept: Kept, problem: string): void {
    this.#setProblem(kept, problem);
    this.#again(kept);
  }

  #setProblem(kept: Kept, problem: string | null): void {
    if (kept.problem === problem) return;
    kept.problem = problem;
    this.#engine.relays.changed(this.#session);
  }

  #ended(kept: Kept): void {
    if (kept.state === "gone") return;
    const lasted = performance.now() - kept.connectedAtMs;
    if (lasted >= goodMs) kept.backoff.reset();
    else this.#setProblem(kept, `the connection ended after ${Math.round(lasted)} ms; the gateway's refusals may say why`);
    this.#again(kept);
  }

  #again(kept: Kept): void {
    kept.state = "waiting";
    kept.dueMs = performance.now() + kept.backoff.next();
    if (this.#engine.isDraining) kept.state = "gone";
  }
}

/** No longer listed, or the session is over; asked after each wait. */
function isGone(kept: Kept): boolean {
  return kept.state === "gone";
}
