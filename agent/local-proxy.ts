/**
 * A local HTTP CONNECT proxy, on the loopback only: any program of this computer gets the agent's choice of way, and reaches exactly the servers that the policy
 * lists (deny by default). The agent's certificate authenticates at the gateway; what is inside the tunnel is the program's own business.
 */
import net from "node:net";
import type { AgentPolicy } from "../contract/agent-site.ts";
import { canonicalHost } from "../contract/names.ts";
import { Splice } from "../gateway-worker/net/splice.ts";
import { asAgentError } from "./errors.ts";
import type { AgentLog } from "./log.ts";
import { authority } from "./path/connect.ts";
import { openRoute, type OpenRoute, type Route, routeName, type Target, type Trust } from "./path/route.ts";

export type LocalProxyOptions = { port: number; policy: () => AgentPolicy; trust: () => Trust; route: () => Route | undefined; log: AgentLog };
export type LocalProxy = { readonly port: number; close(): Promise<void> };

const headBytesMax = 16_384;
const headTimeoutMs = 10_000;
/** A way that is just being found again is waited for, ms. */
const routeWaitMs = 10_000;
const connectionsMax = 512;

type Refusal = { status: number; reason: string; detail: string };

/** Listens on 127.0.0.1. Throws when the port is taken. */
export async function startLocalProxy(options: LocalProxyOptions): Promise<LocalProxy> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on("error", () => client.destroy());
    sockets.add(client);
    client.on("close", () => sockets.delete(client));
    serve(client, options);
  });
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(new Error(`the local proxy cannot listen on 127.0.0.1 port ${options.port}; choose another with --port`, { cause })));
    server.listen({ host: "127.0.0.1", port: options.port }, resolve);
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function serve(client: net.Socket, options: LocalProxyOptions): void {
  let head = Buffer.alloc(0);
  const timer = setTimeout(() => client.destroy(), headTimeoutMs);
  const take = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0 && head.length <= headBytesMax) return;
    clearTimeout(timer);
    client.off("data", take);
    client.pause();
    if (end < 0) return answer(client, { status: 431, reason: "http_request_error", detail: "the request head is too large" });
    const early = head.subarray(end + 4);
    if (early.length > 0) client.unshift(early);
    void connect(client, head.subarray(0, end).toString("latin1"), options);
  };
  client.on("data", take);
  client.on("close", () => clearTimeout(timer));
}

async function connect(client: net.Socket, head: string, options: LocalProxyOptions): Promise<void> {
  const target = judgeTarget(head, options.policy());
  if ("status" in target) return answer(client, target);
  const gone = new AbortController();
  const leave = () => gone.abort();
  client.once("close", leave);
  try {
    const { upstream, route } = await openUpstream(target, options, gone.signal);
    client.off("close", leave);
    if (client.destroyed) return void upstream.socket.destroy();
    options.log.info("local proxy: connected", { server: authority(target.host, target.port), via: routeName(route), connection: upstream.progress.connectionId });
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    // The upstream is a net.Socket or a TLSSocket, which is one.
    const server = upstream.socket as net.Socket;
    new Splice({ client, clientRaw: client, server, serverRaw: server, owner: { onBytes: () => {}, onHalfClose: () => {}, onSpliceEnd: () => {} } }).start();
  } catch (error) {
    const failure = asAgentError(error, "lan-unreachable");
    options.log.warn("local proxy: could not connect", { server: authority(target.host, target.port), code: failure.code, detail: failure.message });
    answer(client, { status: 502, reason: "destination_unavailable", detail: `${failure.code}: ${failure.message}` });
  }
}

/** Only CONNECT, and only to a host and port that the policy lists, compared in canonical form (T01). */
export function judgeTarget(head: string, policy: AgentPolicy): Target | Refusal {
  const request = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(head.split("\r\n", 1)[0] ?? "");
  if (!request) return { status: 400, reason: "http_request_error", detail: "the request is not HTTP/1.1" };
  if (request[1] !== "CONNECT") return { status: 405, reason: "http_request_denied", detail: "only CONNECT is answered; use https:// addresses" };
  const parts = /^(\[[0-9A-Fa-f:.]+\]|[^:@/[\]]+):([0-9]{1,5})$/.exec(request[2] ?? "");
  const host = canonicalHost(parts?.[1] ?? "");
  const port = Number(parts?.[2] ?? 0);
  if (host === undefined || port < 1 || port > 65_535) return { status: 400, reason: "http_request_error", detail: "the target is not host:port" };
  const isListed = policy.servers.some((server) => canonicalHost(server.host) === host && server.port === port);
  return isListed ? { host, port } : { status: 403, reason: "http_request_denied", detail: `${authority(host, port)} is no server of this agent's policy` };
}

async function openUpstream(target: Target, options: LocalProxyOptions, signal: AbortSignal): Promise<{ upstream: OpenRoute; route: Route }> {
  const deadline = Date.now() + routeWaitMs;
  for (;;) {
    const route = options.route();
    if (route) {
      try {
        return { upstream: await openRoute(route, target, { trust: options.trust(), signal }), route };
      } catch (error) {
        // The way may just have been found dead; nothing was sent, so another one can be tried.
        if (Date.now() > deadline || signal.aborted || options.route() === route) throw error;
      }
    }
    if (Date.now() > deadline || signal.aborted) throw new Error("no way to the management server was found in time");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function answer(client: net.Socket, refusal: Refusal): void {
  const body = `${refusal.detail}\n`;
  const reasons: Record<number, string> = { 400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 431: "Request Header Fields Too Large", 502: "Bad Gateway" };
  client.end(`HTTP/1.1 ${refusal.status} ${reasons[refusal.status] ?? "Refused"}\r\nProxy-Status: sallyport-agent; error=${refusal.reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  client.resume();
}
