/** Stands between the console and its database: passes bytes, cuts, refuses or falls silent on demand. */
import net from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";

export type DatabaseProxy = {
  /** DATABASE_URL that leads through the proxy. */
  url: string;
  /** Ends all connections and refuses new ones. */
  cut: () => void;
  /** Keeps all connections open and lets no byte through. */
  silence: () => void;
  /** Lets everything through again; connections of before stay ended. */
  restore: () => void;
};

type Mode = "open" | "cut" | "silent";

export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  let mode: Mode = "open";
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
  };
  const server = net.createServer((client) => {
    keep(client);
    if (mode === "cut") return void client.resetAndDestroy();
    const upstream = net.connect(Number(target.port || 5432), target.hostname);
    keep(upstream);
    const pass = (to: net.Socket) => (chunk: Buffer) => void (mode === "open" && to.write(chunk));
    client.on("data", pass(upstream)).on("close", () => upstream.destroy());
    upstream.on("data", pass(client)).on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const end = () => sockets.forEach((socket) => socket.destroy());
  afterAll(() => {
    end();
    server.close();
  });
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut: () => {
      mode = "cut";
      end();
    },
    silence: () => void (mode = "silent"),
    restore: () => {
      mode = "open";
      end();
    },
  };
}
