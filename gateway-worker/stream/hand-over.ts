/** Hands a decrypted connection to the HTTP engine: a connection to its private socket that begins with who the client is (engine-hand-over.ts). */
import net from "node:net";
import { writeHandOver } from "../engine-hand-over.ts";
import type { HandOver } from "../engine-hand-over.ts";
import { destroyOnError } from "../net/close.ts";

/** An HTTP engine that was restarted is back within this time; a client waits for it rather than being refused. */
const patienceMs = 3_000;
const retryMs = 100;

/** Resolves to the socket, paused, with the hand-over written; undefined when the engine does not answer in time or the caller is over. */
export async function connectHttpEngine(path: string | null, handOver: HandOver, caller: { readonly isOver: boolean }): Promise<net.Socket | undefined> {
  if (path === null) return undefined;
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const socket = await connectOnce(path);
    if (socket) {
      socket.write(writeHandOver(handOver));
      return socket;
    }
    if (caller.isOver || performance.now() > untilMs) return undefined;
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

async function connectOnce(path: string): Promise<net.Socket | undefined> {
  return await new Promise((resolve) => {
    const socket = net.connect({ path, allowHalfOpen: true });
    const settle = (outcome: net.Socket | undefined): void => {
      socket.removeListener("connect", onConnect).removeListener("close", onClose);
      resolve(outcome);
    };
    const onConnect = (): void => settle(socket);
    const onClose = (): void => settle(undefined);
    socket.on("error", destroyOnError).on("connect", onConnect).on("close", onClose);
  });
}
