/** A small HTTP/1.1 client on one verified connection, one request at a time. It knows when nothing was answered, so that the caller can repeat elsewhere. */
import type { Duplex } from "node:stream";

export type HttpRequest = { method: "GET" | "PUT" | "POST"; path: string; headers?: Record<string, string>; body?: unknown };
export type HttpResponse = { status: number; headers: ReadonlyMap<string, string>; body: Buffer };

const headBytesMax = 32_768;
const bodyBytesMax = 4 * 1024 * 1024;

export class HttpConnection {
  readonly #socket: Duplex;
  readonly #host: string;
  #buffer = Buffer.alloc(0);
  #waiting: { resolve: (response: HttpResponse) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #lastByteAt = Date.now();

  /** Takes the socket over; `onClose` is called once, when it can serve no more. */
  constructor(socket: Duplex, host: string, onClose: (error: Error) => void) {
    this.#socket = socket;
    this.#host = host;
    const end = (error: Error) => {
      if (this.#failure) return;
      this.#failure = error;
      this.#waiting?.reject(error);
      this.#waiting = undefined;
      socket.destroy();
      onClose(error);
    };
    socket.on("data", (chunk: Buffer) => {
      this.#lastByteAt = Date.now();
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      try {
        this.#parse();
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on("error", end);
    socket.on("end", () => end(new Error("the server closed the connection")));
    socket.on("close", () => end(new Error("the connection was closed")));
    socket.resume();
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** Requests sent or waiting for their turn. */
  get pending(): number {
    return this.#pending;
  }

  /** When a byte last arrived, ms since 1970. */
  get lastByteAt(): number {
    return this.#lastByteAt;
  }

  /** Sends one request when those before it are answered. Rejects when the connection ends or `timeoutMs` passes; the connection is then closed. */
  request(request: HttpRequest, timeoutMs: number): Promise<HttpResponse> {
    this.#pending += 1;
    const turn = this.#tail.then(() => this.#exchange(request, timeoutMs)).finally(() => {
      this.#pending -= 1;
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /** Ends it once nothing is waiting any more. */
  close(): void {
    void this.#tail.then(() => this.destroy(new Error("closed")));
  }

  destroy(reason: Error): void {
    this.#socket.destroy(reason);
    // A destroyed stream emits its error later; whoever waits must know now.
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
  }

  #exchange(request: HttpRequest, timeoutMs: number): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      const timer = setTimeout(() => this.destroy(new Error(`no answer to ${request.method} ${request.path} within ${timeoutMs} ms`)), timeoutMs);
      this.#waiting = {
        resolve: (response) => {
          clearTimeout(timer);
          resolve(response);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#send(request);
    });
  }

  #send(request: HttpRequest): void {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers = { host: this.#host, ...request.headers, ...(body ? { "content-type": "application/json", "content-length": String(body.length) } : {}) };
    const head = `${request.method} ${request.path} HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
    this.#socket.write(body ? Buffer.concat([Buffer.from(head), body]) : head);
  }

  #parse(): void {
    const end = this.#buffer.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#buffer.length > headBytesMax) throw new Error("the answer's head is too large");
      return;
    }
    const [first = "", ...lines] = this.#buffer.subarray(0, end).toString("latin1").split("\r\n");
    const status = Number(/^HTTP\/1\.1 ([1-5][0-9][0-9])(?: |$)/.exec(first)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) throw new Error("the answer is not HTTP/1.1");
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(":")).trim().toLowerCase(), line.slice(line.indexOf(":") + 1).trim()] as const));
    const body = readBody(this.#buffer.subarray(end + 4), status, headers);
    if (!body) return;
    this.#buffer = Buffer.from(this.#buffer.subarray(end + 4 + body.consumed));
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) throw new Error("an answer arrived that nobody asked for");
    waiting.resolve({ status, headers, body: body.content });
    if (headers.get("connection")?.toLowerCase() === "close") this.#socket.end();
  }
}

/** The whole body, or undefined while it is still arriving. */
function readBody(bytes: Buffer, status: number, headers: ReadonlyMap<string, string>): { content: Buffer; consumed: number } | undefined {
  if (status === 204 || status === 304) return { content: Buffer.alloc(0), consumed: 0 };
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") return readChunks(bytes);
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(length) || length < 0 || length > bodyBytesMax) throw new Error("the answer has no usable length");
  return bytes.length < length ? undefined : { content: Buffer.from(bytes.subarray(0, length)), consumed: length };
}

function readChunks(bytes: Buffer): { content: Buffer; consumed: number } | undefined {
  const parts: Buffer[] = [];
  let total = 0;
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    if (!Number.isSafeInteger(size) || size < 0 || total + size > bodyBytesMax) throw new Error("the answer's chunks are damaged or too large");
    const start = lineEnd + 2;
    if (bytes.length < start + size + 2) return undefined;
    if (size === 0) return { content: Buffer.concat(parts), consumed: start + 2 };
    parts.push(bytes.subarray(start, start + size));
    total += size;
    at = start + size + 2;
  }
}
