/**
 * Tells before engines bind whether somebody else holds a listener's port. Engines bind with SO_REUSEPORT, which another program's
 * own SO_REUSEPORT socket would silently share connections with; an exclusive bind of the supervisor finds both cases (T37).
 */
import net from "node:net";
import type { SnapshotProblem } from "../../contract/control.ts";
import type { TunnelListener } from "../../contract/snapshot.ts";

const sentences: Record<string, string> = {
  EADDRINUSE: "is already in use by another program; stop it or choose another port",
  EACCES: "may not be bound by this user; choose a port above 1023 or grant the service the right to bind low ports",
  EADDRNOTAVAIL: "is not an address of this machine; use one of its own, or :: for all",
};

/** One problem per listener of `next` whose port is new and cannot be bound. A port we hold already is not probed: it would find ourselves. */
export async function portProblems(next: TunnelListener[], current: TunnelListener[]): Promise<SnapshotProblem[]> {
  const held = new Set(current.map((listener) => listener.port));
  const problems = await Promise.all(next.map(async (listener, index) => (held.has(listener.port) ? undefined : await portProblem(listener, index))));
  return problems.filter((problem) => problem !== undefined);
}

async function portProblem(listener: TunnelListener, index: number): Promise<SnapshotProblem | undefined> {
  const code = await tryBind(listener.address, listener.port);
  if (code === undefined) return undefined;
  return { path: `listeners[${index}].port`, code: "listener-bind", message: `listener ${listener.address} port ${listener.port} ${sentences[code] ?? `cannot be bound: ${code}`}` };
}

/** The error code of an exclusive bind, or undefined when the port is free. */
async function tryBind(address: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const server = net.createServer();
    server.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
