/** Addresses of a connection's two ends, as logs, limits and headers write them. */
import type net from "node:net";
import type { Endpoint } from "../net/proxy-protocol.ts";

/** The peer, IPv4 without the mapping of a dual-stack socket. Port 0 once the socket is gone. */
export function peerEndpoint(socket: net.Socket): Endpoint {
  return { address: bare(socket.remoteAddress), port: socket.remotePort ?? 0 };
}

/** The gateway's own end. */
export function localEndpoint(socket: net.Socket): Endpoint {
  return { address: bare(socket.localAddress), port: socket.localPort ?? 0 };
}

/** Address and port in one text, IPv6 in brackets. */
export function endpointText({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function bare(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:(?=\d+\.)/, "").replace(/%.*$/, "");
}
