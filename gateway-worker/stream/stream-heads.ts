/** Heads and answers of streams (contract/channel.ts, contract/relay.ts): read with a deadline and checked, or answered and closed. */
import type { Duplex } from "node:stream";
import type { StreamAnswer } from "../../contract/channel.ts";
import { readStreamHead, writeStreamHead } from "../net/stream-head.ts";

/** A stream that was answered and closed is cut after this long, milliseconds. */
const closingMs = 2_000;

export type HeadResult<T> = { kind: "head"; head: T } | { kind: "none"; isLate: boolean; detail: string };

/** A schema of the contract, as far as it is needed here. */
type Schema<T> = { safeParse: (value: unknown) => { success: true; data: T } | { success: false } };

/** The checked head at the start of a stream; never rejects. The stream is left paused and unharmed. `timeoutMs`: milliseconds until it must be complete. */
export async function readHead<T>(stream: Duplex, schema: Schema<T>, timeoutMs: number): Promise<HeadResult<T>> {
  try {
    const parsed = schema.safeParse(await readStreamHead(stream, { timeoutMs }));
    return parsed.success ? { kind: "head", head: parsed.data } : { kind: "none", isLate: false, detail: "the stream's head is none that is known here" };
  } catch (cause) {
    const isLate = cause instanceof Error && "code" in cause && cause.code === "timeout";
    return { kind: "none", isLate, detail: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** Sends the last word on a stream and closes it; what the peer still sends is dropped. */
export function closeWith(stream: Duplex, answer: StreamAnswer): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), closingMs);
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
  stream.resume();
  stream.end(writeStreamHead(answer));
}

export function refusedAnswer(code: Extract<StreamAnswer, { kind: "refused" }>["code"], detail: string): StreamAnswer {
  return { kind: "refused", code, detail: detail.slice(0, 500) };
}
