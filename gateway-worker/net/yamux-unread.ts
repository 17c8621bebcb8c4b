/**
 * What a stream has received and nobody has read yet. A piece of a received chunk keeps the whole chunk in memory, and a thousand one-byte pieces cost far more
 * than a thousand bytes; so small pieces are copied together, and the memory used stays within about three times the bytes held whatever the peer's frames are (T08).
 */

/** The first block that gathers small pieces, bytes. */
const smallestBlock = 1_024;
const largestBlock = 65_536;

export class UnreadBytes {
  #blocks: Buffer[] = [];
  /** The last block while it has room: `#tail` is all of it, `#tailUsed` what is filled. It is not in `#blocks`. */
  #tail: Buffer | undefined;
  #tailUsed = 0;
  /** Bytes held. */
  length = 0;

  add(piece: Buffer): void {
    this.length += piece.length;
    if (this.#fitsTail(piece)) return;
    this.#closeTail();
    if (piece.length * 2 >= piece.buffer.byteLength) {
      this.#blocks.push(piece);
      return;
    }
    // No pool: a slice of the pool would keep all of it.
    this.#tail = Buffer.allocUnsafeSlow(Math.max(piece.length, Math.min(largestBlock, Math.max(smallestBlock, this.length))));
    this.#fitsTail(piece);
  }

  /** The oldest block; undefined when nothing is held. */
  take(): Buffer | undefined {
    if (this.#blocks.length === 0) this.#closeTail();
    const block = this.#blocks.shift();
    if (block) this.length -= block.length;
    return block;
  }

  clear(): void {
    this.#blocks = [];
    this.#tail = undefined;
    this.#tailUsed = 0;
    this.length = 0;
  }

  #fitsTail(piece: Buffer): boolean {
    if (!this.#tail || this.#tailUsed + piece.length > this.#tail.length) return false;
    piece.copy(this.#tail, this.#tailUsed);
    this.#tailUsed += piece.length;
    return true;
  }

  #closeTail(): void {
    if (!this.#tail) return;
    this.#blocks.push(this.#tail.subarray(0, this.#tailUsed));
    this.#tail = undefined;
    this.#tailUsed = 0;
  }
}
