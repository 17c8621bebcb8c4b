/**
 * Streams between two processes of one machine over a Unix socket. Such a socket cannot say that a stream was cut rather than finished, and a download that broke off
 * must not look complete; so each connection carries a yamux session with one stream, which can.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import { YamuxError, YamuxSession } from "./yamux.ts";

/** Local: a large window costs nothing but memory, and nobody far away holds it. */
const windowMax = 1_048_576;

/** Connects and opens the stream. Rejects with the runtime's error, or YamuxError when nothing listens in time. `timeoutMs`: milliseconds until it must be connected. */
export async function openLocalStream(path: string, timeoutMs: number): Promise<Duplex> {
  const socket = net.connect({ path, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new YamuxError("session-over", `no answer in ${timeoutMs} ms`)), timeoutMs);
    socket.once("error", reject).once("connect", () => {
      socket.off("error", reject);
      resolve();
    });
    socket.once("close", () => clearTimeout(timer)).once("connect", () => clearTimeout(timer));
  });
  const session = new YamuxSession(socket, { isClient: true, windowMax, onStream: (stream) => stream.destroy(), onEnd: () => {} });
  return session.open().once("close", () => session.close());
}

/** Takes an accepted connection over and hands on its stream, once it is opened. */
export function acceptLocalStream(socket: Duplex, onStream: (stream: Duplex) => void): void {
  const session: YamuxSession = new YamuxSession(socket, {
    isClient: false,
    streamsMax: 1,
    windowMax,
    onStream: (stream) => {
      stream.once("close", () => session.close());
      onStream(stream);
    },
    onEnd: () => {},
  });
}
