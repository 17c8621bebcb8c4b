/**
 * Tells before engines bind whether somebody else holds a port of a listener or service. Engines bind with SO_REUSEPORT, which another program's
 * own SO_REUSEPORT socket would silently share connections with; an exclusive bind of the supervisor finds both cases (T37).
 */
import net from "node:net";
import type { SnapshotProblem } from "../../contract/control.ts";
import type { Snapshot } from "../../contract/snapshot.ts";

type Ports = Pick<Snapshot, "listeners" | "virtualServices">;
type Bound = { address: string; port: number; path: string; label: string };

const sentences: Record<string, string> = {
  EADDRINUSE: "is already in use by another program; stop it or choose another port",
  EACCES: "may not be bound by this user; choose a port above 1023 or grant the service the right to bind low ports",
  EADDRNOTAVAIL: "is not an address of this machine; use one of its own, or :: for all",
};
/** Exclusive binds at once: a snapshot may name 500 services. */
const atOnce = 16;

/** One problem per address and port of `next` that is new and cannot be bound. A port we hold already is not probed: it would find ourselves. */
export async function portProblems(next: Ports, current: Ports | undefined): Promise<SnapshotProblem[]> {
  const held = new Set(current ? boundBy(current).map((bound) => bound.port) : []);
  const queue = [...Map.groupBy(boundBy(next).filter((bound) => !held.has(bound.port)), (bound) => bound.port).values()];
  const problems: SnapshotProblem[] = [];
  await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
    for (let group = queue.shift(); group; group = queue.shift()) {
      // One after the other: the probe of :: would find that of 127.0.0.1.
      for (const bound of group) {
        const problem = await portProblem(bound);
        if (problem) problems.push(problem);
      }
    }
  }));
  return problems;
}

/** Every address and port, once. */
function boundBy({ listeners, virtualServices }: Ports): Bound[] {
  const all: Bound[] = [
    ...listeners.map((listener, index) => ({ address: listener.address, port: listener.port, path: `listeners[${index}].port`, label: "listener" })),
    ...virtualServices.flatMap((service, index) => (service.isEnabled ? [{ address: service.address, port: service.port, path: `virtualServices[${index}].port`, label: `service ${service.name} on` }] : [])),
  ];
  const seen = new Set<string>();
  return all.filter(({ address, port }) => !seen.has(`${address} ${port}`) && seen.add(`${address} ${port}`));
}

async function portProblem({ address, port, path, label }: Bound): Promise<SnapshotProblem | undefined> {
  const code = await tryBind(address, port);
  if (code === undefined) return undefined;
  return { path, code: "listener-bind", message: `${label} ${address} port ${port} ${sentences[code] ?? `cannot be bound: ${code}`}` };
}

/** The error code of an exclusive bind, or undefined when the port is free. */
async function tryBind(address: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const server = net.createServer();
    server.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
