/** Reads what a stream engine says about a connection before the client's first byte, within a deadline. */
import type net from "node:net";
import { readHandOver } from "../engine-hand-over.ts";
import type { HandOver } from "../engine-hand-over.ts";

/** Our own engine writes it at once; one that does not is broken. */
const timeoutMs = 5_000;

/** Calls `onHandOver` with the socket at the client's first byte, or destroys it and says why. The socket has an error handler from here on. */
export function receiveHandOver(socket: net.Socket, onHandOver: (facts: HandOver) => void, onRefused: (detail: string) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const settle = (): void => {
    clearTimeout(timer);
    socket.removeListener("readable", read).removeListener("close", settle).removeListener("end", gone);
  };
  const refuse = (detail: string): void => {
    settle();
    socket.destroy();
    onRefused(detail);
  };
  const gone = (): void => refuse("it ended before it was complete");
  const read = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (bytes.length === 0) return;
    const result = readHandOver(bytes);
    if (result.kind === "incomplete") return;
    if (result.kind === "refused") return refuse(result.detail);
    settle();
    if (bytes.length > result.length) socket.unshift(bytes.subarray(result.length));
    onHandOver(result.handOver);
  };
  const timer = setTimeout(() => refuse(`it was not complete within ${timeoutMs} ms`), timeoutMs);
  socket.on("error", () => socket.destroy());
  socket.on("readable", read).on("close", settle).on("end", gone);
}
