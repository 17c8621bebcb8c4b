/**
 * Prometheus gauges of virtual services and members. Labels are the names that people gave: at most 500 services, and as many members as the snapshot has
 * up to a bound. Nothing that a client sends becomes a label.
 */
import { Gauge, type Registry } from "prom-client";
import type { AdminView, ServiceView } from "./admin-server.ts";

/** Members beyond it are not shown: a scrape must stay small. */
const membersMax = 5_000;
const classes = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export function registerServiceMetrics(registry: Registry, view: () => AdminView): void {
  const perService = (name: string, help: string, read: (service: ServiceView) => number): void => {
    registry.registerMetric(new Gauge({
      name: `sallyport_service_${name}`, help, labelNames: ["service"], registers: [],
      collect() {
        this.reset();
        for (const service of view().services) this.set({ service: service.name }, read(service));
      },
    }));
  };
  perService("connections", "open connections of clients", (service) => service.connections);
  perService("connections_opened_total", "connections of clients that were accepted", (service) => service.opened);
  perService("refused_total", "connections that were refused", (service) => service.refused);
  perService("requests_total", "HTTP requests", (service) => service.requests);
  perService("bytes_up_total", "bytes from clients to members", (service) => service.bytesUp);
  perService("bytes_down_total", "bytes from members to clients", (service) => service.bytesDown);
  registry.registerMetric(new Gauge({
    name: "sallyport_service_responses_total", help: "HTTP responses by first digit of their status", labelNames: ["service", "class"], registers: [],
    collect() {
      this.reset();
      for (const service of view().services) if (service.requests > 0) for (const [index, label] of classes.entries()) this.set({ service: service.name, class: label }, service.responses[index] ?? 0);
    },
  }));
  registry.registerMetric(new Gauge({
    name: "sallyport_member_up", help: "1 when the member works, 0.5 when only its next hop does not, 0 when it is down; absent while nothing is known", labelNames: ["pool", "member"], registers: [],
    collect() {
      this.reset();
      for (const { pool, name, state } of view().members.slice(0, membersMax)) if (state !== "unknown") this.set({ pool, member: name }, state === "up" ? 1 : state === "next-hop" ? 0.5 : 0);
    },
  }));
}
