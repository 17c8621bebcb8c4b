/**
 * The console's HTTP doors on a real socket, without pages: what app/api serves, behind the same header stamping as the console's own server. Import
 * "../support/with-database.ts" first. `startDoors` sets SALLYPORT_CONSOLE_URL, so call it before anything reads the environment.
 */
import { randomBytes } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll } from "vitest";
import { freePort } from "../../scripts/embedded-postgres.mjs";

export type Doors = { readonly url: string; readonly close: () => Promise<void> };

type Handler = (request: Request) => Promise<Response>;

/** Starts the doors on a free port of the loopback; they close after the test file. */
export async function startDoors(): Promise<Doors> {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  process.env["SALLYPORT_CONSOLE_URL"] = url;
  process.env["SALLYPORT_MASTER_KEY"] ??= randomBytes(32).toString("base64");
  const { stampSource } = await import("../../server/auth/source.ts");
  const server = http.createServer((incoming, outgoing) => {
    stampSource(incoming);
    void answer(url, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(port, "localhost", resolve));
  const close = () => new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  afterAll(close);
  return { url, close };
}

async function answer(url: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const abort = new AbortController();
  outgoing.on("close", () => abort.abort());
  try {
    const request = toRequest(url, incoming, abort.signal);
    const handler = await handlerFor(new URL(request.url).pathname, request.method);
    await send(handler ? await handler(request) : new Response(null, { status: 404 }), outgoing);
  } catch (error) {
    if (!outgoing.headersSent) outgoing.writeHead(500);
    outgoing.end(String(error));
  }
}

function toRequest(url: string, incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  }
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
  const body = hasBody ? { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: "half" as const } : {};
  return new Request(new URL(incoming.url ?? "/", url), { method: incoming.method ?? "GET", headers, signal, ...body });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  outgoing.writeHead(response.status, headers);
  outgoing.flushHeaders();
  if (!response.body) return void outgoing.end();
  await pipeline(Readable.fromWeb(response.body as import("node:stream/web").ReadableStream), outgoing).catch(() => outgoing.destroy());
}

/** Mirrors app/api. */
async function handlerFor(path: string, method: string): Promise<Handler | undefined> {
  if (path.startsWith("/api/auth/")) return (await import("../../server/auth/http.ts")).handleAuth;
  if (path === "/api/setup") return method === "POST" ? (await import("../../server/auth/link-http.ts")).handleSetUp : (await import("../../server/auth/link-http.ts")).handleSetUpState;
  if (path === "/api/invite") return (await import("../../server/auth/link-http.ts")).handleInvite;
  if (path === "/api/invite/check") return (await import("../../server/auth/link-http.ts")).handleLinkCheck;
  if (path.startsWith("/api/trpc/")) return (await import("../../server/trpc/http.ts")).handleTrpc;
  if (path === "/api/v1" || path.startsWith("/api/v1/")) return (await import("../../server/rest/handle.ts")).handleRest;
  if (path.startsWith("/api/download/")) return (await import("../../server/auth/download.ts")).handleDownload;
  return undefined;
}
