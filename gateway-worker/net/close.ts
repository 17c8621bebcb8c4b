/** Ways to end a socket. Every socket of the data plane ends through one of these (threats.md H1, H2). */
import type net from "node:net";
import tls from "node:tls";

/**
 * Ends a connection with a TCP reset, so the peer learns that the stream was cut and not finished.
 * On Node a TLS socket cannot be reset, only the TCP socket beneath it (`raw`); on Bun they are one.
 */
export function resetSocket(socket: net.Socket, raw: net.Socket = socket): void {
  if (raw.destroyed) {
    socket.destroy();
    return;
  }
  try {
    raw.resetAndDestroy();
  } catch {
    // A runtime that refuses to reset this kind of socket still closes it; the peer then sees an end instead of a reset.
    raw.destroy();
  }
  if (raw instanceof tls.TLSSocket || raw !== socket) socket.destroy();
}

/** For sockets whose ending is observed through `close`: an `error` must have a listener, and must destroy (H2). */
export function destroyOnError(this: net.Socket): void {
  this.destroy();
}
