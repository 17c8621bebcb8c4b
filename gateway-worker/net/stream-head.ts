/** The head with which a stream of the agent channel begins, in each direction: its length as 16 bits big-endian, then that many bytes of JSON. */
import type { Duplex } from "node:stream";

/** Why no head could be read: nothing came in time, the stream ended or failed first, or the bytes are no head. */
export type StreamHeadErrorCode = "timeout" | "ended" | "too-long" | "malformed";

export class StreamHeadError extends Error {
  readonly code: StreamHeadErrorCode;
  constructor(code: StreamHeadErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "StreamHeadError";
    this.code = code;
  }
}

/** The longest head that the 16 bits can say. */
const lengthMax = 65_535;

/** The bytes of a head. Throws RangeError when the value takes more than 65,535 bytes of JSON. */
export function writeStreamHead(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  if (body.length > lengthMax) throw new RangeError(`a stream head of ${body.length} bytes; at most ${lengthMax} can be said`);
  const bytes = Buffer.allocUnsafe(2 + body.length);
  bytes.writeUInt16BE(body.length, 0);
  body.copy(bytes, 2);
  return bytes;
}

/**
 * Reads the head at the beginning of a stream; the caller checks its shape. What follows the head stays unread and the stream is paused: `resume()` or `pipe` it.
 * A longer head than `maxBytes` (8,192 when left out) is refused before it is read. Rejects with StreamHeadError and leaves the stream for the caller to destroy.
 */
export async function readStreamHead(stream: Duplex, options: { timeoutMs: number; maxBytes?: number }): Promise<unknown> {
  const maxBytes = options.maxBytes ?? 8_192;
  const length = { bytes: 2, isKnown: false };
  return await new Promise<unknown>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      stream.off("readable", read).off("end", ended).off("close", ended).off("error", failed);
      stream.pause();
      settle();
    };
    const fail = (code: StreamHeadErrorCode, message: string, cause?: unknown): void => finish(() => reject(new StreamHeadError(code, message, cause)));
    const ended = (): void => fail("ended", "the stream ended before its head was complete");
    const failed = (error: Error): void => fail("ended", `the stream failed before its head was complete: ${error.message}`, error);
    const read = (): void => {
      if (!length.isKnown) {
        const bytes: unknown = stream.read(2);
        if (!(bytes instanceof Buffer)) return;
        if (bytes.length < 2) return ended();
        Object.assign(length, { bytes: bytes.readUInt16BE(0), isKnown: true });
        if (length.bytes > maxBytes) return fail("too-long", `a stream head of ${length.bytes} bytes; at most ${maxBytes} are taken`);
        if (length.bytes === 0) return fail("malformed", "a stream head of no bytes");
      }
      const body: unknown = stream.read(length.bytes);
      if (!(body instanceof Buffer)) return;
      if (body.length < length.bytes) return ended();
      try {
        const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
        finish(() => resolve(value));
      } catch (error) {
        fail("malformed", "a stream head that is not JSON", error);
      }
    };
    const timer = setTimeout(() => fail("timeout", `no stream head came within ${options.timeoutMs} ms`), options.timeoutMs);
    if (stream.destroyed || stream.readableEnded) return ended();
    stream.on("readable", read).on("end", ended).on("close", ended).on("error", failed);
    read();
  });
}
