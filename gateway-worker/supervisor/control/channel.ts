/**
 * The gateway's end of the control channel, one state machine:
 *
 *   idle --start--> connecting --open--> hello --welcome--> subscribed
 *                       |                  |                    |
 *                       +------ failure ---+------ failure -----+--> lost --> backoff --(0.5 s to 60 s, jitter)--> connecting
 *   any state --stop--> stopped (final)
 *
 * Every attempt has a fresh connection; nothing is ever replayed. A snapshot is taken only if its revision is higher than any seen (T36); each is
 * acknowledged, or refused with all its problems. Messages are handled one after the other, in the order in which the console sent them.
 */
import type { AccessPage } from "../../../contract/access.ts";
import { type ChannelElsewhere, controlProtocol, type ControlMessage, type ControlReport, type LocateAgentReply, type SnapshotProblem } from "../../../contract/control.ts";
import type { ReachAuthorisation, ReachAuthorisationReply } from "../../../contract/reach.ts";
import type { Snapshot } from "../../../contract/snapshot.ts";
import { explain, GatewayError } from "../../errors.ts";
import { Backoff } from "../../net/backoff.ts";
import type { RegisterListenerCertificate } from "../identity/listener-certificate.ts";
import { ConsoleLink, type LinkOptions } from "./console-link.ts";

export type ChannelState = "idle" | "connecting" | "hello" | "subscribed" | "lost" | "backoff" | "stopped";

const legalMoves = {
  idle: ["connecting", "stopped"],
  connecting: ["hello", "lost", "stopped"],
  hello: ["subscribed", "lost", "stopped"],
  subscribed: ["lost", "stopped"],
  lost: ["backoff", "stopped"],
  backoff: ["connecting", "stopped"],
  stopped: [],
} as const satisfies Record<ChannelState, readonly ChannelState[]>;

/** The gateway behind the channel: what it serves now, and what to do with what the console sends. */
export type ChannelHost = {
  /** Revision in force, 0 when none; and the highest this gateway ever served, which an older one never replaces. */
  readonly revision: number;
  readonly revisionSeen: number;
  readonly accessVersion: number;
  /** Applies a snapshot to every engine or to none, and stores it. */
  applySnapshot(snapshot: Snapshot, register: RegisterListenerCertificate): Promise<{ ok: true } | { ok: false; problems: SnapshotProblem[] }>;
  /** Takes a page of the access stream in; resolves when every engine decides by it. */
  applyAccess(page: AccessPage): Promise<{ tunnelsEnded: number }>;
  /** Looks whether a certificate made here ends soon, and has it issued anew. Never rejects. */
  renewCertificates(register: RegisterListenerCertificate): Promise<void>;
  /** Commands wait for these agents at the agent site. */
  knock(agentIds: readonly string[]): void;
  /** Newer channels of these agents are open at other gateways (T22). */
  channelsElsewhere(channels: readonly ChannelElsewhere[]): void;
  /** A person ended these sessions of reverse access. */
  endSessions(sessionIds: readonly string[]): void;
};

export type ChannelOptions = {
  link: () => LinkOptions;
  host: ChannelHost;
  version: string;
  runtime: string;
  startedAt: Date;
  onState: (state: ChannelState, detail: string) => void;
  /** Connected and subscribed: reports may be sent through `send`; the clock of this machine minus the console's is known. */
  onWelcome: (welcome: { clockSkewMs: number; gatewayName: string; send: (report: ControlReport) => Promise<void> }) => void;
  /** Backoff bounds, milliseconds; tests shorten them. */
  backoff?: { firstMs: number; maxMs: number };
};

/** A connection that lived this long counts as good: the next failure starts with a short wait again, milliseconds. */
const goodAfterMs = 30_000;
/** A refused snapshot is tried again after this while it is the newest, milliseconds: the port may be free by then, the engines may run. */
const retryAfterMs = 10_000;

/** Certificates that end soon are looked for when the console answers, and this often, milliseconds. */
const renewEveryMs = 6 * 3_600_000;

/** `said`: the problems as the console knows them; the same ones are not said twice. */
type Refused = { snapshot: Snapshot; retryAt: number; said: string };

export class ControlChannel {
  state: ChannelState = "idle";
  /** When the console was last heard, or undefined before the first time. */
  heardAt: Date | undefined;
  readonly #options: ChannelOptions;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  #link: ConsoleLink | undefined;
  #refused: Refused | undefined;
  #running: Promise<void> | undefined;
  #wakeUp: (() => void) | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff ?? { firstMs: 500, maxMs: 60_000 });
  }

  /** Starts connecting and keeps at it until `stop`. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the connection and every further attempt. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#link?.close();
    this.#wakeUp?.();
    await this.#running;
    if (this.state !== "stopped") this.#move("stopped", "");
  }

  /** Drops the connection, if any, and connects again without waiting (local files were read again). */
  reconnect(): void {
    this.#link?.close();
    this.#wakeUp?.();
  }

  /** May this caller reach that service? Rejects when the console cannot be asked. */
  async authoriseReach(input: ReachAuthorisation): Promise<ReachAuthorisationReply> {
    return await this.#subscribed().authoriseReach(input);
  }

  /** Where the console believes the agent to be, newest first. Rejects when the console cannot be asked. */
  async locateAgent(agentId: string): Promise<LocateAgentReply> {
    return await this.#subscribed().locateAgent({ agentId });
  }

  #subscribed(): ConsoleLink {
    if (this.state !== "subscribed" || !this.#link) throw new GatewayError("console-unreachable", "The console is not connected now.");
    return this.#link;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      this.#move("connecting", "");
      const why = await this.#live();
      if (this.#stopping.signal.aborted) return;
      this.#move("lost", why);
      if (performance.now() - startedAt > goodAfterMs) this.#backoff.reset();
      const delayMs = this.#backoff.next();
      this.#move("backoff", `next attempt in ${Math.round(delayMs / 100) / 10} s`);
      await this.#wait(delayMs);
    }
  }

  /** One connection from dial to loss; returns why it ended. */
  async #live(): Promise<string> {
    let link: ConsoleLink | undefined;
    try {
      link = await ConsoleLink.open(this.#options.link());
      this.#link = link;
      if (this.#stopping.signal.aborted) return "stopped";
      this.#move("hello", "");
      const welcome = await link.hello(this.#helloNow());
      this.heardAt = new Date();
      this.#move("subscribed", "");
      const open = link;
      const ended = this.#subscribe(open);
      this.#options.onWelcome({ clockSkewMs: welcome.clockSkewMs, gatewayName: welcome.gatewayName, send: async (report) => await open.report(report) });
      return await Promise.race([ended, open.lost]);
    } catch (error) {
      return explain(error);
    } finally {
      link?.close();
      this.#link = undefined;
    }
  }

  #helloNow(): Parameters<ConsoleLink["hello"]>[0] {
    const { host, version, runtime, startedAt } = this.#options;
    return { protocol: controlProtocol, version, runtime, revision: host.revision, accessVersion: host.accessVersion, startedAt: startedAt.toISOString(), now: new Date().toISOString() };
  }

  /** Handles the console's messages in their order; resolves with the reason when it cannot go on. */
  async #subscribe(link: ConsoleLink): Promise<string> {
    return await new Promise((resolve) => {
      let tail: Promise<void> = Promise.resolve();
      const inTurn = (work: () => Promise<void>): void => {
        tail = tail.then(async () => {
          if (this.#link === link) await work();
        }).catch(end);
      };
      const retry = setInterval(() => {
        const refused = this.#refused;
        if (!refused || performance.now() < refused.retryAt) return;
        inTurn(async () => { if (this.#refused === refused) await this.#apply(link, refused.snapshot, refused.said); });
      }, 1_000).unref();
      const renew = (): void => inTurn(async () => await this.#options.host.renewCertificates(link.listenerCertificate));
      const renewal = setInterval(renew, renewEveryMs).unref();
      const stop = (): void => {
        clearInterval(retry);
        clearInterval(renewal);
      };
      const end = (error: unknown): void => {
        stop();
        resolve(explain(error));
      };
      void link.lost.then(stop);
      renew();
      link.changes((message) => {
        this.heardAt = new Date();
        // Not behind a snapshot that is being applied: who ends a session waits for it.
        if (message.kind === "knock") this.#options.host.knock(message.agentIds);
        else if (message.kind === "channels-elsewhere") this.#options.host.channelsElsewhere(message.channels);
        else if (message.kind === "end-sessions") this.#options.host.endSessions(message.sessionIds);
        else inTurn(async () => await this.#handle(link, message));
      }, end);
    });
  }

  async #handle(link: ConsoleLink, message: Exclude<ControlMessage, { kind: "knock" | "channels-elsewhere" | "end-sessions" }>): Promise<void> {
    switch (message.kind) {
      case "alive":
        return;
      case "access":
        return await this.#handleAccess(link, message.page);
      case "snapshot":
        return await this.#handleSnapshot(link, message.snapshot);
      default:
        message satisfies never;
    }
  }

  async #handleAccess(link: ConsoleLink, page: AccessPage): Promise<void> {
    const { tunnelsEnded } = await this.#options.host.applyAccess(page);
    await link.applied({ kind: "access", version: this.#options.host.accessVersion, tunnelsEnded });
  }

  async #handleSnapshot(link: ConsoleLink, snapshot: Snapshot): Promise<void> {
    const { revision, revisionSeen: seen } = this.#options.host;
    if (snapshot.revision === revision) return;
    if (snapshot.revision < seen) {
      const message = `the console offers revision ${snapshot.revision}, but this gateway has already served revision ${seen}: its database was restored to an earlier state. Nothing was changed; the gateway goes on with revision ${seen}.`;
      await link.applied({ kind: "nack", revision: snapshot.revision, problems: [{ path: "revision", code: "revision-older", message }] });
      return;
    }
    await this.#apply(link, snapshot, "");
  }

  async #apply(link: ConsoleLink, snapshot: Snapshot, said: string): Promise<void> {
    this.#refused = undefined;
    const startedAt = performance.now();
    const result = await this.#options.host.applySnapshot(snapshot, link.listenerCertificate);
    if (result.ok) {
      await link.applied({ kind: "ack", revision: snapshot.revision, tookMs: Math.round(performance.now() - startedAt) });
      return;
    }
    const problems = JSON.stringify(result.problems);
    this.#refused = { snapshot, retryAt: performance.now() + retryAfterMs, said: problems };
    if (problems !== said) await link.applied({ kind: "nack", revision: snapshot.revision, problems: result.problems });
  }

  #move(next: ChannelState, detail: string): void {
    const legal: readonly ChannelState[] = legalMoves[this.state];
    if (!legal.includes(next)) throw new GatewayError("console-protocol", `the control channel cannot go from ${this.state} to ${next}`);
    this.state = next;
    this.#options.onState(next, detail);
  }

  async #wait(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }
}
