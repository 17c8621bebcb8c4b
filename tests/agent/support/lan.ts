/** Stand-ins for the network: a LAN that can be cut and restored (a relay in front of the agent site), a captive portal, and an ordinary CONNECT proxy that counts. */
import net from "node:net";
import tls from "node:tls";

export type Switch = { port: number; accepted: number; open(): Promise<void>; cut(): Promise<void> };

/** Relays 127.0.0.1:port to `to`; cut: connections are reset and new ones refused. */
export function lanSwitch(port: number, to: { host: string; port: number }): Switch {
  const sockets = new Set<net.Socket>();
  let server: net.Server | undefined;
  const lan: Switch = {
    port,
    accepted: 0,
    open: async () => {
      if (server) return;
      const made = net.createServer((client) => {
        lan.accepted += 1;
        const upstream = net.connect(to);
        for (const socket of [client, upstream]) {
          sockets.add(socket);
          socket.on("error", () => socket.destroy());
          socket.on("close", () => {
            sockets.delete(socket);
            client.destroy();
            upstream.destroy();
          });
        }
        client.pipe(upstream).pipe(client);
      });
      await new Promise<void>((resolve, reject) => {
        made.once("error", reject);
        made.listen({ host: "127.0.0.1", port }, resolve);
      });
      server = made;
    },
    cut: async () => {
      const closing = server;
      server = undefined;
      for (const socket of sockets) socket.resetAndDestroy();
      if (closing) await new Promise<void>((resolve) => closing.close(() => resolve()));
    },
  };
  return lan;
}

/** Answers every TLS connection with a certificate of its own, as a captive portal or an inspecting device does. */
export async function captivePortal(port: number, certificate: { chainPem: string; keyPem: string }): Promise<{ received: () => number; close(): Promise<void> }> {
  let received = 0;
  const sockets = new Set<net.Socket>();
  const server = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem }, (socket) => {
    socket.on("data", (chunk) => {
      received += chunk.length;
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    });
    socket.on("error", () => socket.destroy());
  });
  server.on("connection", (socket) => sockets.add(socket).size);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port }, resolve));
  return {
    received: () => received,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export type CountingProxy = { port: number; connects: string[]; live: () => number; isRefusing: boolean; close(): Promise<void> };

/** A small forward proxy without TLS off-loading (S0-25): CONNECT only, remembers what it was asked for; every name leads to `reaches`, where the agent site listens. */
export async function connectProxy(reaches = "127.0.0.2"): Promise<CountingProxy> {
  const sockets = new Set<net.Socket>();
  const proxy: CountingProxy = { port: 0, connects: [], live: () => sockets.size, isRefusing: false, close: async () => undefined };
  const server = net.createServer((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.on("close", () => sockets.delete(client));
    client.once("data", (head: Buffer) => {
      const target = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head.toString("latin1"));
      proxy.connects.push(target ? `${target[1]}:${target[2]}` : "?");
      if (!target || proxy.isRefusing) return void client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      const upstream = net.connect({ host: reaches, port: Number(target[2]) });
      upstream.on("error", () => client.destroy());
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
      upstream.once("connect", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  proxy.port = (server.address() as net.AddressInfo).port;
  proxy.close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return proxy;
}
