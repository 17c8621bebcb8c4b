/** The loopback port of a gateway: /healthz (up), /readyz (serving), /status (JSON for people and tools) and /metrics (Prometheus). It changes nothing and shows no secret. */
import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Gauge, Registry } from "prom-client";
import type { GatewayStatus } from "../../contract/control.ts";
import type { MemberHealthState } from "../../contract/health-check.ts";
import type { ServiceLoad } from "../../contract/virtual-service.ts";
import type { ReachView } from "../reach/reach.ts";
import { registerReachMetrics } from "./reach-metrics.ts";
import { registerServiceMetrics } from "./service-metrics.ts";

export type ServiceView = Omit<ServiceLoad, "members"> & { name: string; address: string; port: number };
export type MemberView = { memberId: string; pool: string; name: string; address: string; state: MemberHealthState; cause: string };

export type AdminView = {
  status: GatewayStatus;
  /** State of the control channel and what it last said. */
  channel: { state: string; detail: string; heardAt: string | null };
  /** Whether log lines go to the console; begins with "on" or "off: ". */
  logForwarding: string;
  /** One sentence when the gateway serves nothing, else null. */
  notReady: string | null;
  /** Things to tell a person, such as the snapshot's age while the console is away. */
  notes: string[];
  gatewayId: string | null;
  name: string | null;
  fingerprint: string | null;
  version: string;
  clockSkewMs: number | null;
  counters: { connections: number; handshakesResumed: number; tunnelsOpened: number; loopDelayMaxMs: number; accessEntries: number };
  /** Virtual services in force; at most 500. */
  services: ServiceView[];
  /** Members of their pools; `service` and `member` are the names that people gave. */
  members: MemberView[];
  /** The inside listener and its sessions of reverse access. */
  reach: ReachView;
};

export class AdminServer {
  readonly #view: () => AdminView;
  /** What the request being answered sees: one look for all metrics. */
  #latest: AdminView;
  readonly #registry = new Registry();
  readonly #server: http.Server;

  constructor(view: () => AdminView) {
    this.#view = view;
    this.#latest = view();
    registerMetrics(this.#registry, () => this.#latest);
    registerServiceMetrics(this.#registry, () => this.#latest);
    registerReachMetrics(this.#registry, () => this.#latest.reach);
    this.#server = http.createServer({ maxHeaderSize: 8_192, requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 1_000 }, (request, response) => {
      this.#answer(request.method ?? "", request.url ?? "", response).catch(() => response.destroy());
    });
    this.#server.maxConnections = 64;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** Binds; resolves to the port. Rejects when it cannot. */
  async start(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener("error", reject);
        this.#server.on("error", () => {}); // single requests may fail; the listener stays
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port; // listening on TCP, so the address has a port
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(method: string, url: string, response: ServerResponse): Promise<void> {
    if (method !== "GET" && method !== "HEAD") return reply(response, 405, "text/plain", "only GET\n");
    if (url === "/healthz") return reply(response, 200, "text/plain", "up\n");
    const view = this.#view();
    this.#latest = view;
    if (url === "/readyz") return reply(response, view.notReady === null ? 200 : 503, "text/plain", `${[view.notReady ?? "ready", ...view.notes].join("\n")}\n`);
    if (url === "/status") return reply(response, 200, "application/json", `${JSON.stringify(view)}\n`);
    if (url === "/metrics") return reply(response, 200, this.#registry.contentType, await this.#registry.metrics());
    reply(response, 404, "text/plain", "not found\n");
  }
}

function reply(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type.includes("charset") ? type : `${type}; charset=utf-8`, "cache-control": "no-store" }).end(body);
}

function registerMetrics(registry: Registry, view: () => AdminView): void {
  const gauge = (name: string, help: string, read: (now: AdminView) => number): void => {
    registry.registerMetric(new Gauge({ name: `sallyport_gateway_${name}`, help, registers: [], collect() { this.set(read(view())); } }));
  };
  gauge("ready", "1 when every listener serves", (now) => (now.notReady === null ? 1 : 0));
  gauge("console_connected", "1 when the control channel is subscribed", (now) => (now.channel.state === "subscribed" ? 1 : 0));
  gauge("snapshot_revision", "revision in force", (now) => now.status.revision);
  gauge("snapshot_age_seconds", "seconds since the snapshot in force was built", (now) => (now.status.snapshotBuiltAt === null ? -1 : (Date.now() - Date.parse(now.status.snapshotBuiltAt)) / 1000));
  gauge("console_silent_seconds", "seconds since the console was last heard, -1 before the first time", (now) => (now.channel.heardAt === null ? -1 : (Date.now() - Date.parse(now.channel.heardAt)) / 1000));
  gauge("access_version", "access version in force", (now) => now.status.accessVersion);
  gauge("access_entries", "agents and bundles known", (now) => now.counters.accessEntries);
  gauge("tunnels", "open tunnels", (now) => now.status.tunnels);
  gauge("channels", "open agent channels", (now) => now.status.channels);
  gauge("connections", "open connections", (now) => now.counters.connections);
  gauge("bytes_up_total", "bytes from clients to servers", (now) => now.status.bytesUp);
  gauge("bytes_down_total", "bytes from servers to clients", (now) => now.status.bytesDown);
  gauge("handshakes_total", "finished handshakes", (now) => now.status.handshakes);
  gauge("handshakes_resumed_total", "resumed handshakes", (now) => now.counters.handshakesResumed);
  gauge("refused_total", "refused connections", (now) => now.status.refused);
  gauge("tunnels_opened_total", "tunnels opened", (now) => now.counters.tunnelsOpened);
  gauge("engine_loop_delay_max_seconds", "longest pause of any engine's event loop in its last report", (now) => now.counters.loopDelayMaxMs / 1000);
  gauge("engine_restarts_total", "restarts of engines", (now) => now.status.engines.reduce((sum, engine) => sum + engine.restarts, 0));
  gauge("engines_running", "engines that run", (now) => now.status.engines.filter((engine) => engine.state === "running").length);
  gauge("clock_skew_seconds", "this machine's clock minus the console's", (now) => (now.clockSkewMs ?? 0) / 1000);
  gauge("servers_unreachable", "assigned servers that do not answer", (now) => now.status.servers.filter((server) => !server.isReachable).length);
}
