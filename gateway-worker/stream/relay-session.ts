/**
 * A relay's session (contract/relay.ts): it ends none of the agents' TLS, so every connection it carries passes the same handshake and verdict as one at the
 * port; what the relay says of them (source, path) is for people and never gives an identity (T21). States:
 *
 *   greeting -> open -> leaving -> over
 *
 * A relay is known by two things together: the hash of its id, and a certificate that a person confirmed for that very relay (X4-04).
 */
import type tls from "node:tls";
import { relayDepthMax } from "../../contract/channel.ts";
import type { RelayHop } from "../../contract/channel.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { relayAnswer, relayDial, relayStreamHead } from "../../contract/relay.ts";
import type { RelayReport, RelayStreamHead, SnapshotRelay } from "../../contract/relay.ts";
import { destroyOnError } from "../net/close.ts";
import { writeStreamHead } from "../net/stream-head.ts";
import { YamuxSession } from "../net/yamux.ts";
import type { YamuxStream } from "../net/yamux.ts";
import { printable } from "./connect-head.ts";
import type { Engine } from "./engine.ts";
import type { StreamListener } from "./listener.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { recogniseRelay } from "./relay-recognition.ts";
import { closeWith, readHead, refusedAnswer } from "./stream-heads.ts";

/** How a relay brought a connection: the relays from the gateway towards the agent, and the last of them. */
export type Passage = { path: readonly RelayHop[]; relayId: string };

export type RelayOwner = {
  readonly source: string;
  /** Relays that carry this session itself. */
  readonly relayPath: readonly RelayHop[];
  /** What it proved itself with. */
  readonly certificate: PeerCertificate | undefined;
  /** Where its agents' connections go; undefined: nowhere now. */
  readonly listener: StreamListener | undefined;
  /** The relay that was dialled: it must be this one. Undefined: any that is registered. */
  readonly expectedRelayId?: string;
  record: (code: RefusalCode, detail: string) => void;
  /** The relay is known: from here the session is no longer an unfinished handshake. */
  greeted: () => void;
  /** Called once; the TLS socket ends by itself within a second. `reason` is a sentence. */
  relayOver: (reason: string) => void;
};

type Hello = Extract<RelayStreamHead, { kind: "hello" }>;
type Load = Omit<Extract<RelayStreamHead, { kind: "load" }>, "kind">;

/** Connections that one session may carry at once. */
const streamsMax = 20_000;
/** First bytes of a stream to its complete head, and a dial's answer beyond the dial's own time; milliseconds. */
const headMs = 10_000;
/** The relay reports its load every 10 s: a session that is silent for this long is gone, milliseconds. */
const silenceMs = 35_000;
/** After a go-away an idle session is kept this long, milliseconds. */
const handOverMs = 5_000;

export class RelaySession {
  relay: SnapshotRelay | undefined;
  readonly sinceMs = Date.now();
  /** Of the table: when it was last reported, on the wheel's clock. */
  reportedAtMs = 0;
  readonly #engine: Engine;
  readonly #owner: RelayOwner;
  readonly #session: YamuxSession;
  #hello: Hello | undefined;
  #isGreeting = false;
  #agents = 0;
  #load: Load = { connections: 0, opened: 0, refused: 0, bytesUp: 0, bytesDown: 0 };
  #hasLoad = false;
  #endReason: string | undefined;
  #leaving: NodeJS.Timeout | undefined;

  /** Takes the TLS socket over. Whoever owns it has the deadline until `greeted`. */
  constructor(engine: Engine, owner: RelayOwner, socket: tls.TLSSocket) {
    this.#engine = engine;
    this.#owner = owner;
    this.#session = new YamuxSession(socket, { isClient: false, streamsMax, silenceMs, onStream: (stream) => this.#onStream(stream), onEnd: (reason) => this.#over(reason), onIdle: () => this.#idle(), onGoAway: () => this.#idle() });
  }

  get isOpen(): boolean {
    return this.relay !== undefined && !this.#session.isOver;
  }

  get node(): string | null {
    return this.#hello?.node ?? null;
  }

  get listener(): StreamListener | undefined {
    return this.#owner.listener;
  }

  /** Relays from the gateway to this one, itself included. */
  get path(): RelayHop[] {
    return this.relay ? [...this.#owner.relayPath, { relayId: this.relay.relayId, name: this.relay.name }] : [];
  }

  /** Whether the certificate that this session proved is one that a person confirmed for the relay. */
  isConfirmed(relay: SnapshotRelay): boolean {
    return relay.fingerprints.includes(this.#owner.certificate?.fingerprint ?? "");
  }

  /** Ends the session and everything that goes through it, now. */
  close(reason: string): void {
    this.#endReason ??= reason;
    clearTimeout(this.#leaving);
    this.#session.close(reason);
  }

  /** Tells the relay to open its next session; what runs here may finish. */
  drain(): void {
    this.#session.goAway();
    this.#leaving ??= setTimeout(() => this.#idle(true), handOverMs);
    this.#leaving.unref();
  }

  /** Has the relay connect to a listening agent (X4-01). Resolves with the stream, or with a sentence. */
  async dial(target: { host: string; port: number }, timeoutMs: number): Promise<YamuxStream | string> {
    try {
      const stream = this.#session.open();
      stream.on("error", destroyOnError);
      stream.write(writeStreamHead(relayDial.parse({ kind: "dial", ...target, timeoutMs })));
      const answer = await readHead(stream, relayAnswer, timeoutMs + headMs);
      if (answer.kind === "head" && answer.head.kind === "accepted") return stream;
      stream.destroy();
      return answer.kind === "head" && answer.head.kind === "refused" ? printable(answer.head.detail) : "the relay did not answer";
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  #onStream(stream: YamuxStream): void {
    stream.on("error", destroyOnError);
    if (this.relay) void this.#serve(stream);
    else if (this.#isGreeting) this.#violated("the relay opened a second stream before its hello was answered");
    else {
      this.#isGreeting = true;
      void this.#greet(stream);
    }
  }

  async #greet(stream: YamuxStream): Promise<void> {
    const read = await readHead(stream, relayStreamHead, headMs);
    if (this.#session.isOver) return;
    if (read.kind === "none" || read.head.kind !== "hello") return this.#violated(read.kind === "none" ? read.detail : "the relay's first stream is no hello");
    this.#hello = read.head;
    const known = recogniseRelay({ hello: read.head, fingerprint: this.#owner.certificate?.fingerprint ?? "", expectedRelayId: this.#owner.expectedRelayId, snapshot: this.#engine.compiled?.snapshot });
    if (known.kind === "refused") return this.#refuse(stream, known);
    if (this.#owner.relayPath.length >= relayDepthMax) return this.#refuse(stream, { code: "relay-depth", detail: `${known.relay.name} would be relay ${relayDepthMax + 1} in a row`, relay: undefined });
    this.relay = known.relay;
    closeWith(stream, { kind: "accepted" });
    this.#owner.greeted();
    this.#engine.relays.opened(this);
    if (this.#engine.isDraining) this.drain();
  }

  /** Says why, and ends the session: the relay tries again later (X4-04). */
  #refuse(stream: YamuxStream, why: { code: RefusalCode; detail: string; relay: SnapshotRelay | undefined }): void {
    this.#owner.record(why.code, why.detail);
    if (why.code === "relay-not-confirmed" && why.relay) this.#engine.relays.waits(this.#report(why.relay, "waiting", why.detail));
    stream.once("close", () => this.close(why.code));
    closeWith(stream, refusedAnswer(why.code, why.detail));
  }

  #violated(detail: string): void {
    this.#owner.record("channel-protocol", detail);
    this.close(detail);
  }

  async #serve(stream: YamuxStream): Promise<void> {
    const read = await readHead(stream, relayStreamHead, headMs);
    if (this.#session.isOver || stream.destroyed) return;
    if (read.kind === "none" || read.head.kind === "hello") {
      const detail = read.kind === "none" ? read.detail : "a second hello in one session";
      this.#owner.record(read.kind === "none" && read.isLate ? "request-timeout" : "channel-protocol", detail);
      stream.destroy();
    } else if (read.head.kind === "load") {
      const { kind: _kind, ...load } = read.head;
      this.#load = load;
      this.#hasLoad = true;
      this.#engine.relays.changed(this);
      closeWith(stream, { kind: "accepted" });
    } else this.#carry(stream, read.head.source);
  }

  /** One connection of an agent, or of a relay further out: the same doors as at the port. */
  #carry(stream: YamuxStream, source: string): void {
    const { listener } = this.#owner;
    if (!this.relay || !listener || this.#engine.isDraining) return closeWith(stream, refusedAnswer("gateway-draining", "the gateway takes no new connections"));
    const text = printable(source).slice(0, 60);
    const connection = listener.takeRelayed(stream, { source: text, passage: { path: this.path, relayId: this.relay.relayId } });
    if (typeof connection === "string") return closeWith(stream, refusedAnswer(connection, "the gateway is at its limit of connections or unfinished handshakes"));
    this.#agents += 1;
    stream.once("close", () => (this.#agents -= 1));
  }

  #idle(isDue = false): void {
    if ((isDue || this.#session.isPeerGoingAway) && this.#session.streams === 0) this.close("moved to another session");
    else if (isDue) {
      this.#leaving = setTimeout(() => this.#idle(true), 1_000);
      this.#leaving.unref();
    }
  }

  #over(reason: string): void {
    this.#endReason ??= reason;
    clearTimeout(this.#leaving);
    if (this.relay) this.#engine.relays.closed(this);
    this.#owner.relayOver(this.#endReason);
  }

  report(): RelayReport | undefined {
    if (!this.relay) return undefined;
    return this.#report(this.relay, this.#session.isOver ? "ended" : "connected", this.#session.isOver ? (this.#endReason ?? "closed") : null);
  }

  #report(relay: SnapshotRelay, state: RelayReport["state"], detail: string | null): RelayReport {
    return {
      relayId: relay.relayId,
      node: this.node,
      state,
      fingerprint: this.#owner.certificate?.fingerprint ?? null,
      source: this.#owner.source,
      relayPath: [...this.#owner.relayPath],
      hostname: printable(this.#hello?.hostname ?? ""),
      version: printable(this.#hello?.version ?? ""),
      since: new Date(this.sinceMs).toISOString(),
      detail: detail?.slice(0, 300) ?? null,
      ...this.#load,
      ...(this.#hasLoad ? {} : { connections: this.#agents }),
      unreachable: this.#engine.relays.unreachableOf(this),
    };
  }
}

