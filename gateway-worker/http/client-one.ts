/**
 * HTTP/1.x towards clients: the runtime's strict parser reads, the head is judged, requests run one after the other. What the parser
 * refuses is answered and the connection closed; nothing behind a refused byte is looked at.
 */
import http from "node:http";
import type net from "node:net";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { answerBytes } from "./answer.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { ClientSide, ResponseHead } from "./client-side.ts";
import type { Exchange } from "./exchange.ts";
import { connectionNames, valuesOf } from "./member-fields.ts";
import { pairs } from "./member-one.ts";
import { headBytesMax, judgeOne } from "./request-head.ts";
import type { RawFields } from "./request-head.ts";

/** Requests sent ahead that wait for their turn. Browsers send none ahead; more is an attempt to make us hold memory. */
const waitingMax = 64;
/** An idle connection between requests; the service's idle deadline where that is shorter. */
const keepAliveMaxMs = 60_000;
/** How often slow heads are looked for. */
const checkMs = 500;

const ownerOf = Symbol("client connection");
type OwnedSocket = net.Socket & { [ownerOf]?: ClientOne };

/** One parser front per set of deadlines, because the runtime keeps them per server; gone with its last connection. */
const fronts = new Map<string, { server: http.Server; connections: number }>();

function enterFront(headTimeoutMs: number, keepAliveMs: number, socket: net.Socket): void {
  const key = `${headTimeoutMs} ${keepAliveMs}`;
  const front = fronts.get(key) ?? { server: createFront(headTimeoutMs, keepAliveMs), connections: 0 };
  fronts.set(key, front);
  front.connections += 1;
  socket.once("close", () => {
    front.connections -= 1;
    if (front.connections > 0) return;
    front.server.close();
    fronts.delete(key);
  });
  front.server.emit("connection", socket);
}

function createFront(headTimeoutMs: number, keepAliveMs: number): http.Server {
  const server = http.createServer({
    insecureHTTPParser: false,
    requireHostHeader: false,
    maxHeaderSize: headBytesMax,
    headersTimeout: headTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
    noDelay: true,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: (request: http.IncomingMessage) => of(request.socket)?.mayUpgrade(request) ?? false,
  } as http.ServerOptions);
  // Fields are counted by us: the runtime would drop what is too much without a word.
  server.maxHeadersCount = 0;
  // A client that ends its sending side after a request still wants the response.
  Object.assign(server, { httpAllowHalfOpen: true });
  const take = (request: http.IncomingMessage, response: http.ServerResponse): void => of(request.socket)?.take(request, response);
  server.on("request", take).on("checkContinue", take).on("checkExpectation", take);
  server.on("upgrade", (request: http.IncomingMessage, socket: net.Socket, first: Buffer) => of(socket)?.upgrade(request, first));
  server.on("connect", (_request: http.IncomingMessage, socket: net.Socket) => of(socket)?.fail("http-malformed", "CONNECT is not offered here", 405));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: net.Socket) => of(socket)?.parserFailed(error));
  // It never listens, its connections are handed to it; this is what starts the look-out for slow heads (held by bounds.test.ts).
  server.emit("listening");
  return server;
}

function of(socket: net.Socket | null): ClientOne | undefined {
  const owned: OwnedSocket | null = socket;
  return owned?.[ownerOf];
}

type Waiting = { request: http.IncomingMessage; response: http.ServerResponse };

export class ClientOne {
  readonly #connection: ClientConnection;
  readonly #waiting: Waiting[] = [];
  #current: Exchange | undefined;
  #hasFailed = false;
  #isBusy = false;
  #isRequestComplete = true;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
    const { limits } = connection.service;
    (connection.socket as OwnedSocket)[ownerOf] = this;
    enterFront(limits.headTimeoutMs, Math.min(limits.idleTimeoutMs, keepAliveMaxMs), connection.socket);
  }

  take(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (this.#connection.isClosing && !this.#isBusy) return this.#connection.linger();
    if (this.#waiting.length >= waitingMax) return this.fail("http-flood", `more than ${waitingMax} requests were sent ahead`);
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    this.#waiting.push({ request, response });
    if (!this.#isBusy) this.#next();
  }

  /** Only a WebSocket handshake that nothing is before changes protocols; any other Upgrade is an ordinary request without that field. */
  mayUpgrade(request: http.IncomingMessage): boolean {
    const { headers, httpVersion, method, rawHeaders } = request;
    const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
    return !this.#isBusy && method === "GET" && httpVersion === "1.1" && !hasBody && headers.upgrade?.toLowerCase() === "websocket" && connectionNames(rawHeaders).has("upgrade");
  }

  upgrade(request: http.IncomingMessage, first: Buffer): void {
    const { socket } = this.#connection;
    if (first.length > 0) socket.unshift(first);
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on("error", () => undefined).once("finish", () => this.#connection.linger());
    this.#isBusy = true;
    this.#start(request, response, "websocket");
  }

  /** What the parser did not take. A complete request before it is still answered. */
  parserFailed(error: NodeJS.ErrnoException): void {
    if (error.code === "ECONNRESET" || error.code === "EPIPE") return this.#connection.destroy();
    // Bytes behind a request that was the last one: nobody reads them.
    if (error.code === "HPE_CLOSED_CONNECTION") return this.#lastBytes();
    // Browsers open connections ahead of need: an answer nobody asked for could be taken for that of the next request.
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && !this.#connection.hasSpoken) return this.#connection.linger();
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return this.fail("http-timeout", "the request's head did not arrive in time");
    if (error.code === "HPE_HEADER_OVERFLOW") return this.fail("http-head-too-large", `the head has more than ${headBytesMax} bytes`);
    if (error.code === "HPE_INVALID_VERSION") return this.fail("http-malformed", "the version is not HTTP/1.0 or 1.1", 505);
    if (error.code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return this.fail("http-malformed", "the chunk extensions are too long");
    this.fail("http-malformed", `the parser refused it: ${(error as { reason?: string }).reason ?? error.message}`.slice(0, 300));
  }

  /** Answers and closes. A response under way for an earlier, complete request is let through instead; then the connection closes. */
  fail(code: RefusalCode, detail: string, status?: number): void {
    const { socket, id } = this.#connection;
    if (this.#hasFailed || socket.destroyed) return;
    this.#hasFailed = true;
    this.#connection.isClosing = true;
    this.#waiting.length = 0;
    // The body of the current request is what was refused: its exchange answers, if it still can.
    if (this.#current && !this.#isRequestComplete) return this.#current.refuse(code, detail, status);
    this.#connection.refused(code, detail);
    if (this.#isBusy) return;
    if (socket.writable) socket.write(answerBytes(code, id, status));
    this.#connection.linger();
  }

  #lastBytes(): void {
    this.#connection.isClosing = true;
    if (!this.#isBusy) this.#connection.linger();
  }

  exchangeOver(): void {
    // The response's own close event goes on with the next request.
  }

  close(): void {
    if (!this.#isBusy) this.#connection.socket.destroy();
  }

  #next(): void {
    const waiting = this.#waiting.shift();
    if (!waiting) return;
    this.#isBusy = true;
    waiting.response.once("close", () => this.#responded(waiting.request));
    this.#start(waiting.request, waiting.response, null);
  }

  #start(request: http.IncomingMessage, response: http.ServerResponse, upgrade: string | null): void {
    const verdict = judgeOne({ version: request.httpVersion, method: request.method ?? "", url: request.url ?? "", fields: request.rawHeaders });
    if (verdict.kind === "refused") {
      this.#isBusy = false;
      response.removeAllListeners("close");
      return this.fail(verdict.code, verdict.detail, verdict.status);
    }
    const side = new OneSide(this.#connection, { request, response, hasBody: verdict.head.framing.kind !== "none" });
    this.#isRequestComplete = request.complete || verdict.head.framing.kind === "none";
    if (!this.#isRequestComplete) request.once("end", () => (this.#isRequestComplete = true));
    this.#current = this.#connection.run({ head: verdict.head, side, upgrade });
  }

  #responded(request: http.IncomingMessage): void {
    this.#isBusy = false;
    this.#current = undefined;
    if (this.#connection.isClosing || !request.complete) this.#connection.linger();
    else this.#next();
  }
}

class OneSide implements ClientSide {
  readonly #connection: ClientConnection;
  readonly #request: http.IncomingMessage;
  readonly #response: http.ServerResponse;

  /** A request without a body is complete with its head, whatever the parser says at that moment. */
  readonly #hasBody: boolean;

  constructor(connection: ClientConnection, { request, response, hasBody }: Waiting & { hasBody: boolean }) {
    this.#connection = connection;
    this.#hasBody = hasBody;
    this.#request = request;
    this.#response = response;
  }

  get body(): http.IncomingMessage {
    return this.#request;
  }
  get isBodyComplete(): boolean {
    return !this.#hasBody || this.#request.complete;
  }
  get hasResponded(): boolean {
    return this.#response.headersSent;
  }

  trailers(): RawFields {
    return this.#request.rawTrailers;
  }

  inform(status: number, fields: RawFields): void {
    const { socket } = this.#connection;
    // HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
    if (this.#request.httpVersion === "1.0" || !socket.writable) return;
    const lines = pairs(without(fields, "content-length")).map(([name, text]) => `${name}: ${text}\r\n`);
    socket.write(Buffer.from(`HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? "Interim"}\r\n${lines.join("")}\r\n`, "latin1"));
  }

  respond({ status, reason, fields, hasBody, closes }: ResponseHead): void {
    const response = this.#response;
    if (closes || this.#connection.isClosing) response.shouldKeepAlive = false;
    // A response to HEAD and a 304 may say how long the body would be; a 204 never (RFC 9110 section 8.6).
    const isChunked = hasBody && this.#request.httpVersion === "1.1" && valuesOf(fields, "content-length").length === 0;
    // Only a chunked body can end in trailers; the runtime throws at their announcement anywhere else.
    const announced = isChunked ? fields : without(fields, "trailer");
    const lines = status === 204 ? without(announced, "content-length") : announced;
    response.writeHead(status, reason === "" ? (http.STATUS_CODES[status] ?? "") : reason, lines);
    // Head and first bytes in one packet where they come together; a body that lets wait does not hold up its head.
    if (hasBody) setImmediate(() => response.flushHeaders());
  }

  write(chunk: Buffer): boolean {
    return this.#response.write(chunk);
  }

  finish(trailers: RawFields): void {
    if (trailers.length > 0 && this.#response.chunkedEncoding) this.#response.addTrailers(pairs(trailers));
    this.#response.end();
  }

  cut(): void {
    this.#connection.socket.destroy();
  }

  onDrain(listener: () => void): void {
    this.#response.on("drain", listener);
  }

  onClose(listener: () => void): void {
    this.#response.once("close", listener);
  }

  switchProtocols(fields: RawFields): net.Socket {
    const { socket } = this.#connection;
    this.#response.removeAllListeners("finish");
    this.#response.detachSocket(socket);
    const lines = pairs(fields).map(([name, text]) => `${name}: ${text}\r\n`);
    socket.write(Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`, "latin1"));
    return socket;
  }
}

function without(fields: RawFields, lowerName: string): string[] {
  return valuesOf(fields, lowerName).length === 0 ? [...fields] : pairs(fields).filter(([name]) => name.toLowerCase() !== lowerName).flat();
}
