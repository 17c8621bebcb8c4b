/**
 * A yamux session over any ordered byte stream (TLS, TCP, another stream): many flow-controlled streams in one connection, either side opens them.
 * Follows the published specification (hashicorp/yamux spec.md) and is tested against its Go implementation.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import { flag, frameType, goAwayCode, initialWindow, writeHeader, type FrameHeader, type GoAwayCode } from "./yamux-frames.ts";
import { Liveness } from "./yamux-liveness.ts";
import { FrameParser } from "./yamux-parser.ts";
import { FrameSender } from "./yamux-sender.ts";
import { YamuxStream, type StreamHost } from "./yamux-stream.ts";
import { YamuxError } from "./yamux-error.ts";

export { YamuxStream } from "./yamux-stream.ts";
export { YamuxError, type YamuxErrorCode } from "./yamux-error.ts";

/** Most that all streams of a session together may hold above their initial windows, bytes. Without it one peer could have every stream's window grown and then stop reading. */
const growthMax = 33_554_432;
/** Streams that we opened and the peer has not answered: Go's implementation resets what exceeds 256. */
const unansweredMax = 256;
/** Streams a peer may open a second over time, after a first `streamsMax` at once. More are read more slowly, so that opening and resetting without end costs the peer, not us. */
const opensPerSecond = 2_000;
/** After a go-away the connection is kept this long so that the peer can read it, milliseconds. */
const farewellMs = 1_000;

export type YamuxOptions = {
  /** The client opens odd ids, the server even ones. */
  isClient: boolean;
  /** The peer opened a stream. Called in the turn in which it came; `destroy()` refuses it. */
  onStream(stream: YamuxStream): void;
  /** The session has ended and its streams are gone. Called once. `reason` is a sentence of at most 80 characters. */
  onEnd(reason: string): void;
  /** The peer takes no new streams: those that are open go on, new ones need another session. */
  onGoAway?(): void;
  /** The last open stream has gone. */
  onIdle?(): void;
  /** Streams that the peer may have open at once; more are reset. 1,024 when left out. */
  streamsMax?: number;
  /** What a stream's window may grow to, bytes. 4 MiB when left out; never below the initial 256 KiB. */
  windowMax?: number;
  /** Ends the session when nothing at all came for this long. Without it silence is no reason, milliseconds. */
  silenceMs?: number;
};

export class YamuxSession implements StreamHost {
  readonly session = this;
  readonly #socket: Duplex;
  readonly #options: YamuxOptions;
  readonly #streamsMax: number;
  readonly #windowMax: number;
  readonly #sender: FrameSender;
  readonly #parser: FrameParser;
  readonly #liveness: Liveness;
  readonly #streams = new Map<number, YamuxStream>();
  #peerStreams = 0;
  #unanswered = 0;
  #nextId: number;
  /** The highest id that the peer has opened: frames for higher ones are no leftovers of a stream that is gone. */
  #peerHighestId = 0;

  #growthLeft = growthMax;

  /** Stream of the data that are being received; undefined when it is gone and they are dropped. */
  #receiving: YamuxStream | undefined;
  #isFinAfterData = false;
  #opensLeft: number;
  #opensAt = performance.now();
  #held: Buffer | undefined;

  #isOver = false;
  #isGoingAway = false;
  #isPeerGoingAway = false;
  #bytesReceived = 0;

  /** Takes the socket over: reads, ends and destroys it. */
  constructor(socket: Duplex, options: YamuxOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#streamsMax = options.streamsMax ?? 1_024;
    this.#windowMax = Math.max(initialWindow, options.windowMax ?? 4_194_304);
    this.#opensLeft = this.#streamsMax;
    this.#nextId = options.isClient ? 1 : 2;
    this.#sender = new FrameSender(socket, () => this.#end("the peer does not read the answers to what it sends", undefined));
    this.#parser = new FrameParser({ onFrame: (header) => this.#onFrame(header), onData: (piece, isLast) => this.#onData(piece, isLast), isHeld: () => this.#isHeld });
    this.#liveness = new Liveness({ sendPing: (value) => this.#sender.send({ type: frameType.ping, flags: flag.syn, streamId: 0, length: value }), onDead: (reason) => this.#end(reason, undefined) }, options.silenceMs);
    if (socket instanceof net.Socket) socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.#end("the peer closed the connection", undefined));
    socket.on("error", (error: Error) => this.#end(`the connection failed: ${error.message}`, undefined));
    socket.on("close", () => this.#end("the connection was cut", undefined));
    if (socket.destroyed) process.nextTick(() => this.#end("the connection was cut", undefined));
    else socket.resume();
  }

  /** Open streams, in either direction. */
  get streams(): number {
    return this.#streams.size;
  }
  get isOver(): boolean {
    return this.#isOver;
  }
  get isGoingAway(): boolean {
    return this.#isGoingAway;
  }
  get isPeerGoingAway(): boolean {
    return this.#isPeerGoingAway;
  }
  /** The last measured round trip, milliseconds; null before the first ping is answered. */
  get roundTripMs(): number | null {
    return this.#liveness.roundTripMs;
  }
  /** Data bytes from the client to the server, without headers. */
  get bytesUp(): number {
    return this.#options.isClient ? this.#sender.bytes : this.#bytesReceived;
  }
  /** Data bytes from the server to the client, without headers. */
  get bytesDown(): number {
    return this.#options.isClient ? this.#bytesReceived : this.#sender.bytes;
  }

  /** Opens a stream; it can be written to at once, and is reset when the peer refuses it. Throws YamuxError. */
  open(): YamuxStream {
    if (this.#isOver) throw new YamuxError("session-over", "the session has ended");
    // Our own go-away keeps the peer from opening, not us (as in Go's implementation): until it has moved, it is still reached here.
    if (this.#isPeerGoingAway) throw new YamuxError("going-away", "the session takes no new streams: open another one");
    if (this.#unanswered >= unansweredMax) throw new YamuxError("backlog-full", `the peer has not yet answered ${unansweredMax} streams`);
    if (this.#nextId > 0xffff_ffff) throw new YamuxError("ids-used-up", "all stream ids of the session are used: open another session");
    const stream = new YamuxStream(this.#nextId, this, true);
    this.#nextId += 2;
    this.#unanswered += 1;
    this.#streams.set(stream.id, stream);
    this.#sender.send({ type: frameType.windowUpdate, flags: flag.syn, streamId: stream.id, length: 0 });
    return stream;
  }

  /** Measures the path; resolves with the round trip in milliseconds. Rejects with YamuxError when the session ends first. */
  async ping(): Promise<number> {
    if (this.#isOver) throw new YamuxError("session-over", "the session has ended");
    return await this.#liveness.ping();
  }

  /** Pings after `everyMs` of silence and ends the session when `timeoutMs` later still nothing has come. Milliseconds. */
  keepAlive(times: { everyMs: number; timeoutMs: number }): void {
    if (!this.#isOver) this.#liveness.keepAlive(times);
  }

  /** Says that no new streams are taken; open ones go on. */
  goAway(): void {
    if (this.#isOver || this.#isGoingAway) return;
    this.#isGoingAway = true;
    this.#sender.send({ type: frameType.goAway, flags: 0, streamId: 0, length: goAwayCode.normal });
  }

  /** Ends the session now: go-away, and all streams are reset. */
  close(reason = "closed"): void {
    this.#end(reason, goAwayCode.normal);
  }

  // What streams ask of their session (StreamHost).

  readyToSend(stream: YamuxStream): void {
    this.#sender.ready(stream);
  }

  sendUpdate(stream: YamuxStream, flags: number, delta: number): void {
    this.#sender.send({ type: frameType.windowUpdate, flags: flags, streamId: stream.id, length: delta });
  }

  /** A window that the peer used half of in less than two round trips is what holds the stream back: it is doubled, while the session's budget lasts. */
  growth(window: number, sinceLastUpdateMs: number): number {
    this.#liveness.measure();
    const roundTripMs = this.#liveness.shortestMs;
    if (roundTripMs === null || sinceLastUpdateMs > roundTripMs * 2) return 0;
    const growth = Math.min(window, this.#windowMax - window, this.#growthLeft);
    this.#growthLeft -= growth;
    return growth;
  }

  released(stream: YamuxStream, grownBy: number): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#growthLeft += grownBy;
    this.#sender.forget(stream);
    if (this.#receiving === stream) this.#receiving = undefined;
    if (this.#isOwn(stream.id)) this.#answered(stream);
    else this.#peerStreams -= 1;
    if (this.#streams.size === 0 && !this.#isOver) this.#options.onIdle?.();
  }

  #isOwn(streamId: number): boolean {
    return (streamId % 2 === 1) === this.#options.isClient;
  }

  #answered(stream: YamuxStream): void {
    if (!stream.isUnanswered) return;
    stream.isUnanswered = false;
    this.#unanswered -= 1;
  }

  // Receiving.

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#liveness.heard();
    if (this.#held) {
      this.#held = Buffer.concat([this.#held, chunk]);
      return;
    }
    const rest = this.#parser.take(chunk);
    if (rest === undefined || this.#isOver) return;
    if (typeof rest === "string") this.#end(`protocol error: ${rest}`, goAwayCode.protocolError);
    else this.#holdBack(rest);
  }

  /** True while the peer has opened more streams than `opensPerSecond` lets it; the next frame may open another. */
  get #isHeld(): boolean {
    if (this.#isOver) return true;
    if (this.#opensLeft >= 1) return false;
    const now = performance.now();
    this.#opensLeft = Math.min(this.#streamsMax, this.#opensLeft + ((now - this.#opensAt) * opensPerSecond) / 1_000);
    this.#opensAt = now;
    return this.#opensLeft < 1;
  }

  /** Reads on a little later. */
  #holdBack(rest: Buffer): void {
    this.#held = rest;
    this.#socket.pause();
    setTimeout(() => {
      const held = this.#held;
      this.#held = undefined;
      if (this.#isOver || !held) return;
      this.#socket.resume();
      this.#receive(held);
    }, 10);
  }

  #onFrame(header: FrameHeader): string | undefined {
    switch (header.type) {
      case frameType.ping:
        if ((header.flags & flag.syn) !== 0) this.#sender.send({ type: frameType.ping, flags: flag.ack, streamId: 0, length: header.length });
        else this.#liveness.answered(header.length);
        return undefined;
      case frameType.goAway:
        this.#onGoAway(header.length);
        return undefined;
      case frameType.data:
      case frameType.windowUpdate:
        return this.#onStreamFrame(header);
    }
  }

  #onGoAway(code: number): void {
    if (code !== goAwayCode.normal) {
      this.#end(code === goAwayCode.protocolError ? "the peer reports a protocol error" : `the peer reports an internal error (${code})`, undefined);
      return;
    }
    if (this.#isPeerGoingAway) return;
    this.#isPeerGoingAway = true;
    this.#options.onGoAway?.();
  }

  #onStreamFrame(header: FrameHeader): string | undefined {
    this.#receiving = undefined;
    this.#isFinAfterData = false;
    if (header.type === frameType.data && header.length > this.#windowMax) return `data frame of ${header.length} bytes, larger than any window here`;
    const isNew = (header.flags & flag.syn) !== 0;
    if (isNew && (this.#isOwn(header.streamId) || this.#streams.has(header.streamId))) return `stream ${header.streamId} opened that the peer cannot open`;
    const stream = isNew ? this.#accept(header) : this.#streams.get(header.streamId);
    if (!stream) return isNew || this.#mayBeGone(header.streamId) ? undefined : `frame for stream ${header.streamId}, which was never opened`;
    return this.#onFrameOf(stream, header);
  }

  /** Frames that were on their way when a stream was reset are dropped without a word. */
  #mayBeGone(streamId: number): boolean {
    return streamId <= (this.#isOwn(streamId) ? this.#nextId - 2 : this.#peerHighestId);
  }

  #accept(header: FrameHeader): YamuxStream | undefined {
    this.#opensLeft -= 1;
    this.#peerHighestId = Math.max(this.#peerHighestId, header.streamId);
    if ((header.flags & flag.rst) !== 0) return undefined;
    if (this.#isGoingAway || this.#peerStreams >= this.#streamsMax) {
      this.#sender.send({ type: frameType.windowUpdate, flags: flag.rst, streamId: header.streamId, length: 0 });
      return undefined;
    }
    const stream = new YamuxStream(header.streamId, this, false);
    this.#peerStreams += 1;
    this.#streams.set(stream.id, stream);
    this.#sender.send({ type: frameType.windowUpdate, flags: flag.ack, streamId: stream.id, length: 0 });
    this.#options.onStream(stream);
    return stream.destroyed ? undefined : stream;
  }

  #onFrameOf(stream: YamuxStream, header: FrameHeader): string | undefined {
    if ((header.flags & flag.ack) !== 0) this.#answered(stream);
    if ((header.flags & flag.rst) !== 0) {
      stream.receivedReset();
      return undefined;
    }
    if (header.type === frameType.windowUpdate && !stream.grantedWindow(header.length)) return `window of stream ${stream.id} above 4 GiB`;
    if (header.type === frameType.data && !stream.reserve(header.length)) return `${header.length} bytes for stream ${stream.id}, above its window`;
    const isFin = (header.flags & flag.fin) !== 0;
    if (header.type === frameType.data && header.length > 0) {
      this.#receiving = stream;
      this.#isFinAfterData = isFin;
    } else if (isFin) stream.receivedFin();
    return undefined;
  }

  #onData(piece: Buffer, isLast: boolean): void {
    this.#bytesReceived += piece.length;
    const stream = this.#receiving;
    stream?.received(piece);
    if (!isLast) return;
    this.#receiving = undefined;
    if (this.#isFinAfterData && stream?.destroyed === false) stream.receivedFin();
  }

  // Ending.

  #end(reason: string, code: GoAwayCode | undefined): void {
    if (this.#isOver) return;
    const isGone = this.#socket.destroyed;
    this.#isOver = true;
    const error = new YamuxError("session-over", `the session has ended: ${reason}`);
    this.#liveness.close(error);
    this.#sender.close();
    this.#held = undefined;
    for (const stream of this.#streams.values()) stream.sessionEnded(error);
    this.#streams.clear();
    if (code === undefined || isGone) this.#socket.destroy();
    else this.#sayFarewell(code);
    this.#options.onEnd(reason.slice(0, 80));
  }

  /** Go-away, then the end; what still comes is read and dropped, or the kernel would answer it with a reset that overtakes the go-away. */
  #sayFarewell(code: GoAwayCode): void {
    const timer = setTimeout(() => this.#socket.destroy(), farewellMs);
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.once("end", () => this.#socket.destroy());
    this.#socket.end(writeHeader({ type: frameType.goAway, flags: 0, streamId: 0, length: code }));
    this.#socket.resume();
  }
}
