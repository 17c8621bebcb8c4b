/** HTTP CONNECT as a client: over the outer TLS of a gateway, or over plain TCP to an HTTP proxy. After the answer only the tunnel's bytes follow. */
import type { Duplex } from "node:stream";

export type ConnectAnswer = { status: number; connectionId: string | null; proxyStatus: string | null; refusal: string | null };

/** Largest answer head, bytes. */
const headBytesMax = 16_384;

/** Sends CONNECT and reads the answer's head. Rejects when the answer is no HTTP, too large, late, or followed by bytes that nobody asked for. */
export function sendConnect(socket: Duplex, target: string, timeoutMs: number, signal: AbortSignal): Promise<ConnectAnswer> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      socket.off("data", take);
      socket.off("close", closed);
      socket.off("end", closed);
      socket.pause();
    };
    const fail = (error: Error) => {
      finish();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no answer to CONNECT within ${timeoutMs} ms`)), timeoutMs);
    const aborted = () => fail(new Error("given up"));
    const closed = () => fail(new Error("the connection was closed before CONNECT was answered"));
    const take = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return head.length > headBytesMax ? fail(new Error("the answer to CONNECT is larger than 16 KiB")) : undefined;
      const answer = parseHead(head.subarray(0, end).toString("latin1"));
      if (!answer) return fail(new Error("the answer to CONNECT is not HTTP/1.1"));
      // In a tunnel the client speaks first (its ClientHello); a refusal's body is of no interest.
      if (answer.status === 200 && head.length > end + 4) return fail(new Error("bytes arrived in the tunnel before anything was sent"));
      finish();
      resolve(answer);
    };
    socket.on("data", take);
    socket.once("close", closed);
    socket.once("end", closed);
    signal.addEventListener("abort", aborted, { once: true });
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    if (signal.aborted) aborted();
  });
}

/** `host:port`, IPv6 in brackets. */
export function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseHead(text: string): ConnectAnswer | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: |$)/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const header = (name: string) => lines.find((line) => line.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim().slice(0, 500) ?? null;
  return { status: Number(status), connectionId: header("sallyport-connection-id"), proxyStatus: header("proxy-status"), refusal: header("sallyport-refusal") };
}
