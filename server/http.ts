/**
 * The console's HTTP server: bounds on head, body and time, the Host check, headers for answers that are not Next's, and the two liveness routes.
 * Everything else goes to the handler it is given (Next). Nothing of the agent site or the control channel is served here.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { requestIdHeader, stampSource } from "./auth/source.ts";
import { errorFields, log } from "./log.ts";

/** Largest announced request body, bytes; routes have smaller bounds of their own. */
export const bodyBytesMax = 2 * 1024 * 1024;
const headBytesMax = 16 * 1024;
/** Open connections at once; beyond it new ones are dropped by the server. */
const connectionsMax = 2_000;

/** What Node's parser complains of, as the answer that fits; anything else is a bad request. */
const statusLines: Record<string, string> = { HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large", ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout" };

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;
export type Readiness = { kind: "ready" } | { kind: "not-ready"; reason: string };
export type HttpOptions = {
  host: string;
  port: number;
  /** The one address people open; requests for other hosts are refused (DNS rebinding). */
  consoleUrl: string;
  readiness: () => Promise<Readiness>;
  /** Null: no pages are built; every page answers with a sentence. */
  handler: Handler | null;
};
export type HttpServer = { port: number; /** Finishes running requests, then closes; connections still open after `graceMs` are cut. */ close: (graceMs?: number) => Promise<void> };

/** Listens; rejects with the system's error when the port is taken. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const server = http.createServer({ maxHeaderSize: headBytesMax, headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 5_000 });
  server.maxConnections = connectionsMax;
  server.maxHeadersCount = 100;
  server.on("request", (request, response) => void answer(options, request, response));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(`HTTP/1.1 ${statusLines[error.code ?? ""] ?? "400 Bad Request"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    else socket.destroy();
  });
  server.on("upgrade", (_request, socket) => socket.destroy());
  server.on("connect", (_request, socket) => socket.destroy());
  await listen(server, options);
  return { port: (server.address() as AddressInfo).port, close: (graceMs = 1_500) => closeServer(server, graceMs) };
}

function listen(server: http.Server, { host, port }: HttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      server.on("error", (error) => log.error(errorFields(error), "the console's HTTP server reported an error"));
      resolve();
    });
  });
}

async function closeServer(server: http.Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

async function answer(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  stampSource(request);
  const requestId = String(request.headers[requestIdHeader]);
  response.setHeader("X-Request-Id", requestId);
  try {
    await route(options, request, response);
  } catch (error) {
    log.error({ ...errorFields(error), requestId, method: request.method, path: pathOf(request) }, "a request failed");
    if (!response.headersSent) refuse(response, 500, "internal", "Something failed on our side; the log has the details under the request id.");
    else response.destroy();
  }
}

async function route(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  if (path === "/healthz") return json(response, 200, { status: "up" });
  if (path === "/readyz") return ready(response, await options.readiness());
  const verdict = judge(options, request);
  if (verdict.kind === "redirect") return redirect(response, verdict.location);
  if (verdict.kind === "refuse") return refuse(response, verdict.status, verdict.code, verdict.sentence);
  if (!options.handler) return refuse(response, 503, "not-built", "The console's pages are not built; run npm start, or npm run build.");
  await options.handler(request, response);
}

type Verdict = { kind: "pass" } | { kind: "redirect"; location: string } | { kind: "refuse"; status: number; code: string; sentence: string };

/** What is wrong with a request before anybody reads its body. */
function judge(options: HttpOptions, request: IncomingMessage): Verdict {
  const host = judgeHost(options, request);
  if (host.kind !== "pass") return host;
  // A body of unknown length could not be bounded before it is read.
  if (request.headers["transfer-encoding"] !== undefined) return { kind: "refuse", status: 411, code: "length-required", sentence: "Send the body with a Content-Length; chunked bodies are not read here." };
  if (Number(request.headers["content-length"] ?? 0) > bodyBytesMax) return { kind: "refuse", status: 413, code: "too-large", sentence: `The request body is larger than ${bodyBytesMax} bytes.` };
  return { kind: "pass" };
}

const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** A page of another name that resolves to this address must not be able to talk to the console; a person who typed another loopback name is sent to the right one. */
function judgeHost(options: HttpOptions, request: IncomingMessage): Verdict {
  const wanted = new URL(options.consoleUrl);
  const given = hostOf(request);
  if (given === undefined) return wrongHost(wanted.host);
  if (given.host === wanted.host) return { kind: "pass" };
  if (!loopbackNames.has(given.hostname)) return wrongHost(wanted.host);
  const isPage = request.method === "GET" && (request.headers.accept ?? "").includes("text/html");
  return isPage && loopbackNames.has(wanted.hostname) ? { kind: "redirect", location: wanted.origin + (request.url ?? "/") } : { kind: "pass" };
}

function wrongHost(wanted: string): Verdict {
  return { kind: "refuse", status: 421, code: "wrong-host", sentence: `This console answers as ${wanted}; open it there, or set SALLYPORT_CONSOLE_URL to the address that you use.` };
}

function hostOf(request: IncomingMessage): URL | undefined {
  const host = request.headers.host;
  return host !== undefined && /^[A-Za-z0-9.:[\]-]{1,260}$/.test(host) && URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function ready(response: ServerResponse, readiness: Readiness): void {
  if (readiness.kind === "ready") json(response, 200, { status: "ready" });
  else json(response, 503, { status: "not-ready", reason: readiness.reason });
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.setHeader("Connection", "close");
  json(response, status, { error: { code, message, requestId: String(response.getHeader("X-Request-Id")) } });
}

function redirect(response: ServerResponse, location: string): void {
  response.setHeader("Location", location);
  json(response, 307, { location });
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  });
  response.end(`${JSON.stringify(body)}\n`);
}
