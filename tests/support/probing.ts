/** One health check of one member, as the runner makes it. */
import { healthCheck, type HealthCheck } from "../../contract/health-check.ts";
import type { CheckResult } from "../../gateway-worker/supervisor/health/member-state.ts";
import { ProbeMeans } from "../../gateway-worker/supervisor/health/probe-means.ts";
import { type ActiveCheck, probeMember } from "../../gateway-worker/supervisor/health/probe.ts";

export type CheckInput = { kind: ActiveCheck["kind"] } & Record<string, unknown>;
/** A result and how long it took, milliseconds. */
export type Probed = CheckResult & { tookMs: number };

/** Checks 127.0.0.1 (or `host`) under the name mail1, with a time-out of 2 s unless the check says otherwise. */
export async function probed(port: number, check: CheckInput, given: { host?: string; anchorsPem?: string[]; proxyVersion?: 1 | 2 } = {}): Promise<Probed> {
  const parsed: HealthCheck = healthCheck.parse({ timeoutMs: 2_000, ...check });
  if (parsed.kind === "none") throw new Error("a check of kind none probes nothing");
  const began = performance.now();
  const result = await probeMember({ member: { name: "mail1", host: given.host ?? "127.0.0.1", port }, check: parsed, means: new ProbeMeans(given.anchorsPem ?? []), proxyVersion: given.proxyVersion });
  return { ...result, tookMs: performance.now() - began };
}
