/**
 * Copies bytes between two sockets (or streams of a multiplexed session) and nothing else (S0-18): half-close is handed on as half-close, a slow reader stops its writer,
 * a cut is handed on as a reset. The handlers are shared functions that find their splice through the socket, so that an idle
 * tunnel costs one small object instead of a dozen closures.
 */
import type { Duplex } from "node:stream";
import { resetSocket } from "./close.ts";

/** Why a splice ended: both sides finished, one cut it off, or our own deadline or caller did. */
export type SpliceEnd = "finished" | "client-reset" | "server-reset" | "closed";

export type SpliceOwner = {
  /** After each chunk; `isUp` tells client to server. Keep it cheap. */
  onBytes: (length: number, isUp: boolean) => void;
  /** One side ended its direction; the other may go on. */
  onHalfClose: (isClient: boolean) => void;
  /** Asked when a side ends where an end may also mean that it was cut; resolves to true when it was. Left out, or undefined: an end is an end. */
  judgeEnd?: (isClient: boolean) => Promise<boolean> | undefined;
  /** Both sockets are gone. Called once. */
  onSpliceEnd: (end: SpliceEnd) => void;
};

const spliceOf = Symbol("splice");
type Leg = Duplex & { [spliceOf]?: Splice };

export class Splice {
  readonly client: Leg;
  readonly server: Leg;
  /** The socket beneath the client's TLS, for resets. */
  readonly clientRaw: Duplex;
  /** The same of the server's side. */
  readonly serverRaw: Duplex;
  readonly owner: SpliceOwner;
  #end: SpliceEnd = "closed";
  #clientEnded = false;
  #serverEnded = false;
  #isOver = false;

  /** Both sockets must have been paused, with an error handler, and allow half-open. Call `start` when the first bytes may flow. */
  constructor(given: { client: Duplex; clientRaw: Duplex; server: Duplex; serverRaw: Duplex; owner: SpliceOwner }) {
    this.client = given.client;
    this.clientRaw = given.clientRaw;
    this.server = given.server;
    this.serverRaw = given.serverRaw;
    this.owner = given.owner;
  }

  start(): void {
    attach(this.client, this);
    attach(this.server, this);
    if (this.client.destroyed || this.server.destroyed) this.close();
    else {
      this.client.resume();
      this.server.resume();
      // An end that comes while nothing waits to be read is told even to a paused socket, so it may be over before we listen.
      for (const leg of [this.client, this.server]) if (leg.readableEnded) this.ended(leg);
    }
  }

  /** True once one direction has ended. */
  get isHalfClosed(): boolean {
    return this.#clientEnded || this.#serverEnded;
  }

  /** Cuts both sides now. */
  close(): void {
    if (this.#isOver) return;
    resetSocket(this.client, this.clientRaw);
    resetSocket(this.server, this.serverRaw);
    this.#finish();
  }

  bytes(from: Leg, chunk: Buffer): void {
    const to = from === this.client ? this.server : this.client;
    this.owner.onBytes(chunk.length, from === this.client);
    if (!to.write(chunk)) from.pause();
  }

  drained(leg: Leg): void {
    (leg === this.client ? this.server : this.client).resume();
  }

  ended(from: Leg): void {
    // Bun also emits `end` on a socket that was destroyed here: that is no end of the peer's stream.
    if (from.destroyed) return;
    const isClient = from === this.client;
    if (isClient) this.#clientEnded = true;
    else this.#serverEnded = true;
    const judged = this.owner.judgeEnd?.(isClient);
    if (judged) void judged.then((isCut) => (isCut ? this.failed(from) : this.#handOn(isClient)));
    else this.#handOn(isClient);
  }

  #handOn(isClient: boolean): void {
    if (this.#isOver) return;
    (isClient ? this.server : this.client).end();
    this.owner.onHalfClose(isClient);
  }

  failed(leg: Leg): void {
    if (this.#isOver) return;
    this.#end = leg === this.client ? "client-reset" : "server-reset";
    this.close();
  }

  closed(leg: Leg): void {
    if (this.#isOver) return;
    const other = leg === this.client ? this.server : this.client;
    const isFinished = leg === this.client ? this.#clientEnded : this.#serverEnded;
    // Closed without having ended: it was cut, and the other side must not take that for an orderly end.
    if (!isFinished) {
      this.#end = leg === this.client ? "client-reset" : "server-reset";
      this.close();
    } else if (other.destroyed) {
      this.#end = "finished";
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.owner.onSpliceEnd(this.#end);
  }
}

function attach(leg: Leg, splice: Splice): void {
  leg[spliceOf] = splice;
  leg.on("data", onData).on("drain", onDrain).on("end", onEnd).on("error", onError).on("close", onClose);
}

function onData(this: Leg, chunk: Buffer): void {
  this[spliceOf]?.bytes(this, chunk);
}
function onDrain(this: Leg): void {
  this[spliceOf]?.drained(this);
}
function onEnd(this: Leg): void {
  this[spliceOf]?.ended(this);
}
function onError(this: Leg): void {
  this[spliceOf]?.failed(this);
}
function onClose(this: Leg): void {
  this[spliceOf]?.closed(this);
}
