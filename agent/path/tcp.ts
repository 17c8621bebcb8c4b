/** One TCP connection with a deadline of our own: error codes of connect differ between runtimes, so callers say what a failure means (STACK section 0, item 8). */
import { lookup } from "node:dns/promises";
import net from "node:net";
import type { AgentErrorCode } from "../../contract/error-codes.ts";
import { AgentError } from "../errors.ts";

export type TcpFailure = { unresolved: AgentErrorCode; unreachable: AgentErrorCode };

/** Addresses of one name that are tried, in the resolver's order. */
const addressesMax = 4;

export type TcpDial = { host: string; port: number; timeoutMs: number; signal: AbortSignal; failure: TcpFailure };

/** Resolves and connects; addresses are tried one after the other within the one deadline. Throws AgentError with the caller's codes. */
export async function dialTcp(dial: TcpDial): Promise<net.Socket> {
  const deadline = Date.now() + dial.timeoutMs;
  const addresses = await resolve(dial, deadline);
  let last: unknown;
  for (const [index, address] of addresses.entries()) {
    const left = deadline - Date.now();
    if (left <= 0 || dial.signal.aborted) break;
    try {
      return await connect(address, dial, Math.max(100, Math.floor(left / (addresses.length - index))));
    } catch (error) {
      last = error;
    }
  }
  throw new AgentError(dial.failure.unreachable, `No TCP connection to ${dial.host} port ${dial.port} (${last instanceof Error ? last.message : "deadline"}).`, last);
}

/** The same with the relay's address in place of the target's, when there is a relay (S4-21): nothing else changes. Throws `relay-unreachable`. */
export function dialBehind(relay: { host: string; port: number } | null, dial: TcpDial): Promise<net.Socket> {
  if (relay === null) return dialTcp(dial);
  return dialTcp({ ...dial, host: relay.host, port: relay.port, failure: { unresolved: "relay-unreachable", unreachable: "relay-unreachable" } });
}

async function resolve(dial: TcpDial, deadline: number): Promise<string[]> {
  const host = dial.host.replace(/^\[(.*)\]$/, "$1");
  if (net.isIP(host) !== 0) return [host];
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the name server did not answer in time")), Math.max(1, deadline - Date.now()));
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), timeout]);
    return found.slice(0, addressesMax).map((entry) => entry.address);
  } catch (cause) {
    throw new AgentError(dial.failure.unresolved, `The name ${host} did not resolve (${cause instanceof Error ? cause.message : "no answer"}).`, cause);
  } finally {
    clearTimeout(timer);
  }
}

function connect(address: string, dial: TcpDial, timeoutMs: number): Promise<net.Socket> {
  return new Promise((resolvePromise, reject) => {
    const socket = net.connect({ host: address, port: dial.port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
    const fail = (error: Error) => {
      finish();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no answer from ${address} within ${timeoutMs} ms`)), timeoutMs);
    const aborted = () => fail(new Error("given up"));
    const finish = () => {
      clearTimeout(timer);
      dial.signal.removeEventListener("abort", aborted);
    };
    socket.on("error", fail); // stays: a socket without an error handler ends the process
    dial.signal.addEventListener("abort", aborted, { once: true });
    socket.once("connect", () => {
      finish();
      resolvePromise(socket);
    });
    if (dial.signal.aborted) aborted();
  });
}
