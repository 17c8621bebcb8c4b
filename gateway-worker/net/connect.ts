/** One TCP connect to one address with its own timer: one of our runtimes reports every connect error as "refused" (STACK section 0, rule 8). */
import net from "node:net";
import { destroyOnError } from "./close.ts";

export type ConnectOutcome = net.Socket | "refused" | "timeout";

const keepAliveMs = 60_000;

/** The socket comes back paused, half-open allowed, with an error handler that destroys it. `timeoutMs`: milliseconds until it counts as not answering. */
export async function connectTcp(address: string, port: number, timeoutMs: number): Promise<ConnectOutcome> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: address, port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs });
    const settle = (outcome: ConnectOutcome): void => {
      clearTimeout(timer);
      socket.removeListener("connect", onConnect).removeListener("close", onClose);
      if (!(outcome instanceof net.Socket)) socket.destroy();
      resolve(outcome);
    };
    const onConnect = (): void => settle(socket);
    const onClose = (): void => settle("refused");
    const timer = setTimeout(() => settle("timeout"), timeoutMs);
    socket.on("error", destroyOnError).on("connect", onConnect).on("close", onClose);
  });
}
