/** What the state of a pool needs to know of its health check, read from the stored settings. */
import { healthCheck, type HealthCheck } from "../../../contract/health-check.ts";
import type { CheckFacts } from "./tally.ts";

/** Throws when the stored settings are none of the contract's: nothing but the console writes them. */
export function healthCheckOf(stored: unknown): HealthCheck {
  return healthCheck.parse(stored);
}

export function checkFactsOf(stored: unknown): CheckFacts {
  const check = healthCheckOf(stored);
  return { checkKind: check.kind, nextHopTakesMemberOut: check.kind === "smtp" && check.nextHop?.takesMemberOut === true };
}
