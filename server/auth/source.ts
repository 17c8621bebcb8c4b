/** Where a request came from. Only the console's own HTTP server knows the peer's address; it writes it into one header that a client cannot set. */
import type { IncomingMessage } from "node:http";

/** Set by `stampSource` for every request; whatever a client sends under this name is thrown away. */
export const sourceHeader = "x-sallyport-source";
/** Random per request; links log lines, audit rows and error answers. */
export const requestIdHeader = "x-sallyport-request";

/**
 * Replaces the source and request id headers of a request that came in over a socket. The HTTP server calls it before anything else reads the headers,
 * so that guessing limits and the audit see the real peer (T35).
 */
export function stampSource(request: IncomingMessage): void {
  request.headers[sourceHeader] = plainAddress(request.socket.remoteAddress ?? "unknown");
  request.headers[requestIdHeader] = crypto.randomUUID();
}

/** The peer's address; null when no HTTP server of ours stamped the request. */
export function sourceOf(headers: Headers): string | null {
  return headers.get(sourceHeader);
}

export function requestIdOf(headers: Headers): string {
  return headers.get(requestIdHeader) ?? crypto.randomUUID();
}

function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
