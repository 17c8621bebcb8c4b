/** The relay's loopback port: /healthz (up), /readyz (an upstream serves), /status (JSON) and /metrics (Prometheus text). It changes nothing and shows no secret. */
import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { explain } from "../errors.ts";
import { RelayError } from "./errors.ts";
import type { RelayView } from "./relay.ts";

export class RelayAdmin {
  readonly #view: () => RelayView;
  readonly #server: http.Server;

  constructor(view: () => RelayView) {
    this.#view = view;
    this.#server = http.createServer({ maxHeaderSize: 8_192, requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 1_000 }, (request, response) => this.#answer(request.method ?? "", request.url ?? "", response));
    this.#server.maxConnections = 64;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** Binds; resolves to the port. Rejects with RelayError `config`. */
  async start(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause) => reject(new RelayError("config", `The metrics port ${port} cannot be used (${explain(cause)}); set SALLYPORT_RELAY_METRICS_PORT to a free one, or 0.`, cause)));
      this.#server.listen({ host, port }, () => {
        this.#server.removeAllListeners("error").on("error", () => {}); // single requests may fail; the listener stays
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port; // listening on TCP, so the address has a port
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(method: string, url: string, response: ServerResponse): void {
    if (method !== "GET" && method !== "HEAD") return reply(response, 405, "text/plain", "only GET\n");
    if (url === "/healthz") return reply(response, 200, "text/plain", "up\n");
    const view = this.#view();
    if (url === "/readyz") return reply(response, view.notReady === null ? 200 : 503, "text/plain", `${[view.notReady ?? "ready", ...view.warnings].join("\n")}\n`);
    if (url === "/status") return reply(response, 200, "application/json", `${JSON.stringify(view)}\n`);
    if (url === "/metrics") return reply(response, 200, "text/plain; version=0.0.4", metrics(view));
    reply(response, 404, "text/plain", "not found\n");
  }
}

function reply(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(text);
}

function metrics(view: RelayView): string {
  const lines: string[] = [];
  const add = (name: string, type: "gauge" | "counter", help: string, value: number): void => void lines.push(`# HELP sallyport_relay_${name} ${help}`, `# TYPE sallyport_relay_${name} ${type}`, `sallyport_relay_${name} ${value}`);
  add("ready", "gauge", "1 when an upstream takes connections", view.notReady === null ? 1 : 0);
  add("upstreams_serving", "gauge", "upstreams that take connections", view.upstreams.filter((upstream) => upstream.state === "serving").length);
  add("upstream_validation", "gauge", "0 when the upstream's certificate is not checked", view.warnings.length === 0 ? 1 : 0);
  add("connections", "gauge", "open connections on the relay's port", view.load.connections);
  add("connections_opened_total", "counter", "connections carried to an upstream, or dialled for one", view.load.opened);
  add("connections_refused_total", "counter", "connections refused", view.load.refused);
  add("bytes_up_total", "counter", "bytes from agents", view.load.bytesUp);
  add("bytes_down_total", "counter", "bytes to agents", view.load.bytesDown);
  add("resident_bytes", "gauge", "resident memory", process.memoryUsage.rss());
  return `${lines.join("\n")}\n`;
}
