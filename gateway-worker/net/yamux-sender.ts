/** The sending half of a yamux session: frames of one turn go out in one write, streams with data take turns, and what a peer makes us answer stays bounded. */
import type { Duplex } from "node:stream";
import { frameType, headerBytes, putHeader, writeHeader, type FrameHeader } from "./yamux-frames.ts";
import type { YamuxStream } from "./yamux-stream.ts";

/** Data frames are cut to this, so that streams take turns, bytes. */
const frameMax = 65_536;
/** A peer that lets this much of answers (pings, resets, updates) pile up does not read them, bytes. */
const answersMax = 262_144;

export class FrameSender {
  readonly #socket: Duplex;
  readonly #onUnread: () => void;
  readonly #ready = new Set<YamuxStream>();
  #isPumping = false;
  #isCorked = false;
  #isOver = false;
  /** Data bytes sent, without headers. */
  bytes = 0;

  /** `onUnread`: the peer does not read what it makes us answer. */
  constructor(socket: Duplex, onUnread: () => void) {
    this.#socket = socket;
    this.#onUnread = onUnread;
    socket.on("drain", () => this.#pump());
  }

  /** Sends a frame without data, before all data that wait. */
  send(header: FrameHeader): void {
    if (this.#isOver || this.#socket.destroyed) return;
    this.#cork();
    this.#socket.write(writeHeader(header));
    // Data stop at the socket's own mark (#pump); what lies far above it are answers that nobody reads.
    if (this.#socket.writableLength > this.#socket.writableHighWaterMark + frameMax + answersMax) this.#onUnread();
  }

  /** The stream has bytes to send; it is asked for them when its turn comes. */
  ready(stream: YamuxStream): void {
    this.#ready.add(stream);
    this.#pump();
  }

  forget(stream: YamuxStream): void {
    this.#ready.delete(stream);
  }

  /** Sends nothing more. */
  close(): void {
    this.#isOver = true;
    this.#ready.clear();
  }

  /** One write to the connection for all frames of a turn. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }

  /** Lets the streams that have something take turns, one frame each, as long as the connection takes it. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (const stream of this.#ready) {
      if (this.#isOver || this.#socket.writableNeedDrain || this.#socket.destroyed) break;
      this.#ready.delete(stream);
      this.#sendData(stream);
      // Added anew, it stands behind the others.
      if (stream.canSend) this.#ready.add(stream);
    }
    this.#isPumping = false;
  }

  #sendData(stream: YamuxStream): void {
    const parts = stream.takeForFrame(frameMax);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length > 0) {
      this.bytes += length;
      this.#cork();
      // Header and data in one buffer: copying costs less than a second write, which on Bun is a TLS record and a system call of its own.
      const frame = Buffer.allocUnsafe(headerBytes + length);
      putHeader(frame, { type: frameType.data, flags: 0, streamId: stream.id, length });
      let at = headerBytes;
      for (const part of parts) at += part.copy(frame, at);
      this.#socket.write(frame);
    }
    stream.tookFrame();
  }
}
