/** Health checks as forms hold them: the defaults of each kind, and what its timing comes to in seconds. */
import type { z } from "zod";
import type { healthCheck, HealthCheck } from "@/contract/health-check.ts";

export type CheckValues = z.input<typeof healthCheck>;
type Active = Exclude<HealthCheck, { kind: "none" }>;
type Of<K extends HealthCheck["kind"]> = Extract<HealthCheck, { kind: K }>;

const timing = { intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null };
const tls = { verify: "anchors", anchorsPem: [], serverName: null, daysLeftMin: 0 } as const;
/** Every kind with its defaults filled in: what a form starts from when the kind is chosen. */
export const freshChecks: { [K in HealthCheck["kind"]]: Of<K> } = {
  none: { kind: "none" },
  tcp: { kind: "tcp", ...timing },
  tls: { kind: "tls", ...timing, ...tls, anchorsPem: [] },
  http: { kind: "http", ...timing, ...tls, anchorsPem: [], isTls: true, method: "GET", path: "/", hostHeader: null, statusFrom: 200, statusTo: 399, bodyContains: null },
  smtp: { kind: "smtp", ...timing, ...tls, anchorsPem: [], ehloName: "gateway.invalid", startTls: "off", nextHop: null },
};

/** The values with the defaults of what was left out; a form shows every field filled. */
export function wholeCheck(values: CheckValues): HealthCheck {
  return { ...freshChecks[values.kind], ...values } as HealthCheck;
}

/** "Down after 15 s at the latest …": what interval, rise and fall come to. */
export function timingSentence({ intervalMs, timeoutMs, rise, fall }: Pick<Active, "intervalMs" | "timeoutMs" | "rise" | "fall">): string {
  if (![intervalMs, timeoutMs, rise, fall].every(Number.isFinite)) return "";
  const seconds = (ms: number) => `${Math.round(ms / 100) / 10} s`;
  return `A member that stops answering is out after ${fall === 1 ? "1 failed check" : `${fall} failed checks`}, within about ${seconds((fall - 1) * intervalMs + intervalMs + timeoutMs)}; it is back after ${rise === 1 ? "1 check that passes" : `${rise} checks that pass`}, within about ${seconds(rise * intervalMs)}.`;
}
