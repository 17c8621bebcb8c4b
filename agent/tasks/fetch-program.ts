/** Fetches the program over a connection of its own on the way in use: it is large, and the usual connection must stay free. */
import fs from "node:fs";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { type TaskContext, TaskFailed } from "./task.ts";

const headBytesMax = 16_384;
const bytesMax = 400 * 1024 * 1024;
/** Silence after which the fetch is given up, ms. */
const silenceMs = 30_000;

/** Writes the archive to `file`. Throws TaskFailed. */
export async function fetchProgram(context: TaskContext, file: string): Promise<void> {
  const { socket, host } = await context.work.openSession(context.signal);
  const silence = setTimeout(() => socket.destroy(new Error(`no byte for ${silenceMs / 1_000} seconds`)), silenceMs);
  const stop = () => socket.destroy(new Error("cancelled"));
  context.signal.addEventListener("abort", stop, { once: true });
  const descriptor = fs.openSync(file, "wx", 0o600);
  try {
    socket.write(`GET /v1/program HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    await receive(socket, (chunk) => fs.writeSync(descriptor, chunk), (received, total) => {
      silence.refresh();
      context.progress(Math.floor((65 * received) / total), `Fetches the program: ${Math.floor(received / 1_000_000)} of ${Math.ceil(total / 1_000_000)} MB.`);
    });
    fs.fsyncSync(descriptor);
  } catch (cause) {
    context.signal.throwIfAborted();
    throw cause instanceof TaskFailed ? cause : new TaskFailed(`The program could not be fetched: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    fs.closeSync(descriptor);
    clearTimeout(silence);
    context.signal.removeEventListener("abort", stop);
    socket.destroy();
  }
}

async function receive(socket: Duplex, write: (chunk: Buffer) => void, onProgress: (received: number, total: number) => void): Promise<void> {
  let head = Buffer.alloc(0);
  let total: number | undefined;
  let received = 0;
  const take = (chunk: Buffer, length: number) => {
    received += chunk.length;
    if (received > length) throw new TaskFailed("The answer is longer than announced.");
    write(chunk);
    onProgress(received, length);
  };
  socket.on("data", (chunk: Buffer) => {
    try {
      if (total !== undefined) return take(chunk, total);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) {
        if (head.length > headBytesMax) throw new TaskFailed("The answer's head is too large.");
        return;
      }
      total = lengthOf(head.subarray(0, end).toString("latin1"));
      take(head.subarray(end + 4), total);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.resume();
  // Whole, or the connection's own error; an end in the middle is neither.
  await once(socket, "end");
  if (total === undefined || received < total) throw new TaskFailed("The connection ended before the whole program had arrived.");
}

function lengthOf(head: string): number {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  if (status !== "200") throw new TaskFailed(`The management server answered ${status ?? "nothing that is HTTP"} to the request for the program.`);
  const length = Number(/\r\ncontent-length: *(\d{1,12})(?:\r\n|$)/i.exec(head)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(length) || length < 1 || length > bytesMax) throw new TaskFailed("The program has no usable length.");
  return length;
}
