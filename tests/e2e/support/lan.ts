/**
 * A LAN that can be cut, without root: agents know the management server as 127.0.0.2, where this forwarder listens; the gateway dials the address that the
 * server object lists, 127.0.0.1, and so reaches it whether the LAN is there or not.
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";

export const lanHost = "127.0.0.2";

export type Lan = {
  /** Ends every connection and refuses new ones. */
  cut: () => Promise<void>;
  restore: () => Promise<void>;
  /** Connections that agents opened directly so far. */
  connections: () => number;
};

/** Starts the LAN towards the server on 127.0.0.1:`port`. */
export async function startLan(port: number): Promise<Lan> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let connections = 0;
  const forward = (near: Socket): void => {
    connections += 1;
    const far = createConnection({ host: "127.0.0.1", port });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
  };
  const restore = async (): Promise<void> => {
    server = createServer(forward);
    await new Promise<void>((resolve, reject) => server?.once("error", reject).listen(port, lanHost, resolve));
  };
  const cut = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await restore();
  return { cut, restore, connections: () => connections };
}
