/** Ways to end a socket. Every socket of the data plane ends through one of these (threats.md H1, H2). */
import type net from "node:net";
import type { Duplex } from "node:stream";

/**
 * Ends a connection with a TCP reset, so the peer learns that the stream was cut and not finished. A stream of a multiplexed session has no
 * TCP reset: its own `destroy` tells the peer.
 * A TLS socket cannot be reset on Node, only the TCP socket beneath it (`raw`). The TLS socket is destroyed a turn later: before the
 * reset it would end the stream in order, and in the same turn, inside the callback of a handshake that has just finished, Node 26 crashes.
 */
export function resetSocket(socket: Duplex, raw: Duplex = socket): void {
  if (raw.destroyed) {
    socket.destroy();
    return;
  }
  try {
    if (isResettable(raw)) raw.resetAndDestroy();
    else raw.destroy();
  } catch {
    // A runtime that refuses to reset this kind of socket still closes it; the peer then sees an end instead of a reset.
    raw.destroy();
  }
  if (raw !== socket) setImmediate(() => socket.destroy());
}

function isResettable(raw: Duplex): raw is net.Socket {
  return "resetAndDestroy" in raw && typeof raw.resetAndDestroy === "function";
}

/** For sockets whose ending is observed through `close`: an `error` must have a listener, and must destroy (H2). */
export function destroyOnError(this: Duplex): void {
  this.destroy();
}
