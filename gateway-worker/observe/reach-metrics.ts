/** Metrics of reverse access: the inside listener's sessions and, by code, what it refused. */
import { Gauge, type Registry } from "prom-client";
import type { ReachView } from "../reach/reach.ts";

export function registerReachMetrics(registry: Registry, view: () => ReachView): void {
  const gauge = (name: string, help: string, read: (now: ReachView) => number): void => {
    registry.registerMetric(new Gauge({ name: `sallyport_gateway_reach_${name}`, help, registers: [], collect() { this.set(read(view())); } }));
  };
  gauge("listening", "1 while there is an inside listener", (now) => (now.listener ? 1 : 0));
  gauge("connections", "open connections of the inside listener", (now) => now.connections);
  gauge("sessions", "open sessions of reverse access", (now) => now.sessions);
  gauge("sessions_opened_total", "sessions opened", (now) => now.sessionsOpened);
  gauge("bytes_up_total", "bytes of ended sessions from clients to agents", (now) => now.bytesUp);
  gauge("bytes_down_total", "bytes of ended sessions from agents to clients", (now) => now.bytesDown);
  registry.registerMetric(new Gauge({
    name: "sallyport_gateway_reach_refused_total", help: "refused requests of the inside listener by code", labelNames: ["code"], registers: [],
    collect() {
      this.reset();
      for (const [code, count] of Object.entries(view().refused)) this.set({ code }, count);
    },
  }));
}
