/** Cuts received chunks into frames without gathering them: the data of a frame is handed on in the pieces in which it came. */
import { frameType, headerBytes, readHeader, type FrameHeader } from "./yamux-frames.ts";

export type FrameHandler = {
  /** A header. Its data follow as `onData` when it is a data frame with a length. A string ends the parsing: what the peer did wrong. */
  onFrame(header: FrameHeader): string | undefined;
  /** Data of the last frame; `isLast` with the last of them. */
  onData(piece: Buffer, isLast: boolean): void;
  /** Asked before each frame: true leaves the rest for later. */
  isHeld(): boolean;
};

export class FrameParser {
  readonly #handler: FrameHandler;
  /** The beginning of a header that came in parts: exists only then. */
  #partial: Buffer | undefined;
  #partialUsed = 0;
  #dataLeft = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Takes a chunk. Returns what it did not take because the handler holds, or what is wrong with the frames as a string; undefined when all is taken. */
  take(chunk: Buffer): Buffer | string | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#dataLeft > 0) {
        at = this.#takeData(chunk, at);
        continue;
      }
      if (this.#handler.isHeld()) return chunk.subarray(at);
      const before = this.#partialUsed;
      const header = this.#takeHeader(chunk, at);
      if (header === undefined) return undefined;
      if (typeof header === "string") return header;
      at += headerBytes - before;
      if (header.type === frameType.data) this.#dataLeft = header.length;
      const wrong = this.#handler.onFrame(header);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#dataLeft);
    this.#dataLeft -= end - at;
    this.#handler.onData(chunk.subarray(at, end), this.#dataLeft === 0);
    return end;
  }

  /** The header, undefined while bytes of it are missing (they are kept), or what is wrong with it. */
  #takeHeader(chunk: Buffer, at: number): FrameHeader | string | undefined {
    if (!this.#partial && chunk.length - at >= headerBytes) return readHeader(chunk, at);
    this.#partial ??= Buffer.alloc(headerBytes);
    this.#partialUsed += chunk.copy(this.#partial, this.#partialUsed, at, at + headerBytes - this.#partialUsed);
    if (this.#partialUsed < headerBytes) return undefined;
    const header = readHeader(this.#partial, 0);
    this.#partial = undefined;
    this.#partialUsed = 0;
    return header;
  }
}
