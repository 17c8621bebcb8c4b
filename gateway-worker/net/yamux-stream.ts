/**
 * One stream of a yamux session: a Duplex whose `end()` half-closes (FIN) and whose `destroy()` resets (RST). What it may send is bounded by the peer's window,
 * what it holds unread by its own; neither stops another stream of the session.
 */
import { Duplex } from "node:stream";
import { flag, initialWindow } from "./yamux-frames.ts";
import { UnreadBytes } from "./yamux-unread.ts";
import { YamuxError } from "./yamux-error.ts";
import type { YamuxSession } from "./yamux.ts";

type Done = (error?: Error | null) => void;

/** What a stream asks of its session. */
export type StreamHost = {
  readonly session: YamuxSession;
  /** The stream has bytes that its window lets through. */
  readyToSend(stream: YamuxStream): void;
  /** Sends a window update of the stream: how FIN, RST and plain updates travel. */
  sendUpdate(stream: YamuxStream, flags: number, delta: number): void;
  /** How many bytes larger than `window` the stream's window should now be; 0 leaves it. The stream gives them back with `released`. */
  growth(window: number, sinceLastUpdateMs: number): number;
  /** The stream is gone. */
  released(stream: YamuxStream, grownBy: number): void;
};

export class YamuxStream extends Duplex {
  readonly id: number;
  readonly #host: StreamHost;
  /** True until the peer has accepted or refused a stream that we opened. */
  isUnanswered: boolean;

  #sendWindow = initialWindow;
  #sending: Buffer[] = [];
  #sendingBytes = 0;
  #sent: Done | undefined;
  #isFinSent = false;

  /** What the peer may still send. */
  #receiveLeft = initialWindow;
  #window = initialWindow;
  #unread = new UnreadBytes();
  /** Bytes handed to the reader and not yet given back to the peer's window. */
  #consumed = 0;
  #updatedAt = performance.now();
  #isReaderWaiting = false;
  #isFinReceived = false;
  #isEndTold = false;
  #isResetByPeer = false;

  constructor(id: number, host: StreamHost, isUnanswered: boolean) {
    // One byte of read buffer: Node then holds at most one piece, and the rest stays in UnreadBytes where its memory is bounded.
    super({ allowHalfOpen: true, readableHighWaterMark: 1, writableHighWaterMark: 65_536 });
    this.id = id;
    this.#host = host;
    this.isUnanswered = isUnanswered;
    // A reset must never end the process for want of a listener; who cares listens too.
    this.on("error", nothing);
  }

  get session(): YamuxSession {
    return this.#host.session;
  }

  /** True when the peer has ended its direction; what it sent before may still be unread. */
  get isPeerDone(): boolean {
    return this.#isFinReceived;
  }

  override _read(): void {
    this.#isReaderWaiting = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#send([chunk], chunk.length, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const parts = chunks.map(({ chunk }) => chunk);
    this.#send(
      parts,
      parts.reduce((sum, part) => sum + part.length, 0),
      done,
    );
  }

  override _final(done: Done): void {
    this.#isFinSent = true;
    this.#host.sendUpdate(this, flag.fin, 0);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    const isFinished = this.#isFinSent && this.#isFinReceived;
    if (!isFinished && !this.#isResetByPeer) this.#host.sendUpdate(this, flag.rst, 0);
    this.#sending = [];
    this.#sendingBytes = 0;
    this.#sent = undefined;
    this.#unread.clear();
    this.#host.released(this, this.#window - initialWindow);
    done(error);
  }

  #send(parts: Buffer[], length: number, done: Done): void {
    if (length === 0) {
      done();
      return;
    }
    this.#sending = parts;
    this.#sendingBytes = length;
    this.#sent = done;
    if (this.#sendWindow > 0) this.#host.readyToSend(this);
  }

  /** For the session: true while there is something that may be sent now. */
  get canSend(): boolean {
    return this.#sendingBytes > 0 && this.#sendWindow > 0;
  }

  /** For the session: the next bytes to send, at most `max`, counted against the peer's window. Calls the writer back when it has taken all. */
  takeForFrame(max: number): Buffer[] {
    let left = Math.min(max, this.#sendWindow, this.#sendingBytes);
    this.#sendWindow -= left;
    this.#sendingBytes -= left;
    const taken: Buffer[] = [];
    let at = 0;
    while (left > 0) {
      const part = this.#sending[at];
      if (!part) break;
      taken.push(part.length <= left ? part : part.subarray(0, left));
      if (part.length > left) this.#sending[at] = part.subarray(left);
      else at += 1;
      left -= Math.min(left, part.length);
    }
    if (at > 0) this.#sending.splice(0, at);
    return taken;
  }

  /** For the session, once the bytes of `takeForFrame` are on their way. */
  tookFrame(): void {
    if (this.#sendingBytes > 0) return;
    const done = this.#sent;
    this.#sent = undefined;
    done?.();
  }

  /** For the session: the peer lets us send `delta` more bytes. False when that is more than a window can be. */
  grantedWindow(delta: number): boolean {
    if (this.#sendWindow + delta > 0xffff_ffff) return false;
    this.#sendWindow += delta;
    if (this.canSend) this.#host.readyToSend(this);
    return true;
  }

  /** For the session: a data frame of `length` bytes begins. False when the peer may not send that much. */
  reserve(length: number): boolean {
    if (length > this.#receiveLeft) return false;
    this.#receiveLeft -= length;
    return true;
  }

  /** For the session: bytes of a reserved frame. */
  received(piece: Buffer): void {
    // Data after FIN is dropped, not punished: a Go program that writes in one goroutine and closes in another sends it.
    if (this.destroyed || this.#isFinReceived) return;
    if (this.#isReaderWaiting && this.#unread.length === 0) this.#hand(this.readableFlowing === true ? piece : own(piece));
    else this.#unread.add(piece);
    this.#updateWindow();
  }

  /** For the session: the peer ended its direction. */
  receivedFin(): void {
    this.#isFinReceived = true;
    this.#deliver();
  }

  /** For the session: the peer reset the stream. */
  receivedReset(): void {
    this.#isResetByPeer = true;
    this.destroy(new YamuxError("stream-reset", `the peer reset stream ${this.id}`));
  }

  /** For the session: it has ended, and nothing can be told to the peer. */
  sessionEnded(error: YamuxError): void {
    this.#isResetByPeer = true;
    this.destroy(error);
  }

  #deliver(): void {
    while (this.#isReaderWaiting && !this.destroyed) {
      const block = this.#unread.take();
      if (!block) break;
      this.#hand(block);
    }
    if (this.destroyed) return;
    this.#updateWindow();
    if (!this.#isFinReceived || this.#isEndTold || this.#unread.length > 0) return;
    this.#isEndTold = true;
    this.push(null);
  }

  /** The reader may ask for more while it is handed this, so the flag is lowered before and only ever raised after. */
  #hand(block: Buffer): void {
    this.#isReaderWaiting = false;
    this.#consumed += block.length;
    if (this.push(block)) this.#isReaderWaiting = true;
  }

  /** Gives consumed bytes back to the peer once they are half the window: fewer updates stall it, more waste frames. */
  #updateWindow(): void {
    if (this.#consumed * 2 < this.#window || this.#isFinReceived || this.destroyed) return;
    const now = performance.now();
    const growth = this.#unread.length === 0 ? this.#host.growth(this.#window, now - this.#updatedAt) : 0;
    const delta = this.#consumed + growth;
    this.#window += growth;
    this.#receiveLeft += delta;
    this.#consumed = 0;
    this.#updatedAt = now;
    this.#host.sendUpdate(this, 0, delta);
  }
}

/** A piece that may wait in Node's buffer must not keep a much larger chunk with it. */
function own(piece: Buffer): Buffer {
  return piece.length * 2 >= piece.buffer.byteLength ? piece : Buffer.from(piece);
}

function nothing(): void {}
