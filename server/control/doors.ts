/** The limits of the control port before anybody has proven who they are: connections, time and sizes (T05, T39). */
import type { Socket } from "node:net";

/** Connections without a proven gateway identity, all sources together, and from one source. */
export const strangersMax = 500;
export const strangersPerSourceMax = 50;
/** Accept to finished handshake and open WebSocket, milliseconds. */
export const openWithinMs = 10_000;
/** Open WebSocket to hello, or to a finished enrolment, milliseconds. */
export const helloWithinMs = 15_000;
/** Largest message: of a stranger, of a gateway. */
export const strangerBytesMax = 64 * 1024;
export const gatewayBytesMax = 4 * 1024 * 1024;
/** Messages of one gateway within ten seconds; an honest one sends a report a second and a word per change. */
export const gatewayMessagesMax = 5_000;

type Entry = { source: string; socket: Socket; timer: NodeJS.Timeout };

/** Counts connections that have proven nothing yet and cuts those that take too long. A connection is known by its far end's address and port: the TCP socket and the TLS socket on it agree on those. */
export class Doors {
  readonly #open = new Map<string, Entry>();
  readonly #perSource = new Map<string, number>();

  get size(): number {
    return this.#open.size;
  }

  /** Lets a new connection in, or destroys it when there are too many. It must be `proven` or gone within the time given. */
  enter(socket: Socket): void {
    const source = socket.remoteAddress ?? "";
    const fromSource = this.#perSource.get(source) ?? 0;
    socket.on("error", () => socket.destroy());
    if (this.#open.size >= strangersMax || fromSource >= strangersPerSourceMax) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    this.#perSource.set(source, fromSource + 1);
    this.#open.set(key, { source, socket, timer: setTimeout(() => socket.destroy(), openWithinMs).unref() });
    socket.on("close", () => this.#leave(key));
  }

  /** The WebSocket is open; it has a little longer to say hello. */
  extend(socket: Socket): void {
    const entry = this.#open.get(keyOf(socket));
    if (!entry) return;
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => entry.socket.destroy(), helloWithinMs).unref();
  }

  /** A gateway has proven itself and said hello: no longer a stranger. */
  proven(socket: Socket): void {
    this.#leave(keyOf(socket));
  }

  #leave(key: string): void {
    const entry = this.#open.get(key);
    if (!entry) return;
    clearTimeout(entry.timer);
    this.#open.delete(key);
    const left = (this.#perSource.get(entry.source) ?? 1) - 1;
    if (left > 0) this.#perSource.set(entry.source, left);
    else this.#perSource.delete(entry.source);
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ""} ${socket.remotePort ?? 0}`;
}
