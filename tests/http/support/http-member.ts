/** A member that is an ordinary Node HTTP server. */
import http from "node:http";
import type { AddressInfo } from "node:net";

export type HttpMember = { port: number; server: http.Server; close: () => void };

export async function startMember(listener: http.RequestListener, options: http.ServerOptions = {}): Promise<HttpMember> {
  const server = http.createServer(options, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
