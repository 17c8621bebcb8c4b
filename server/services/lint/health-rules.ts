/** Health checks that are missing, too weak for what they watch, or too slow to help (S3-16 to S3-19, N6). */
import type { Finding } from "../../../contract/finding.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import type { PoolFacts, ServiceFacts } from "./facts.ts";
import { findingOf, onPool, onService } from "./report.ts";

const smtpPorts: ReadonlySet<number> = new Set([25, 465, 587]);

export function healthFindings(pool: PoolFacts): Finding[] {
  return [...missingCheck(pool), ...bannerCheck(pool), ...slowCheck(pool)];
}

function missingCheck(pool: PoolFacts): Finding[] {
  if (pool.healthCheck.kind !== "none") return [];
  const isBlind = pool.passiveCheck === null;
  return [findingOf(onPool(pool), {
    code: "health-check-missing", severity: isBlind ? "warning" : "note", field: "healthCheck",
    sentence: isBlind ? `Nothing finds out whether the members of pool "${pool.name}" work: clients are sent to a dead one for ever.` : `Pool "${pool.name}" has no health check: a dead member is found by clients whose connections fail.`,
    cure: "Choose a check of the kind that the members speak: HTTP, SMTP, TLS, or at least TCP.",
  })];
}

/** A mail proxy greets with 220 while the server behind it is gone (S3-17). */
function bannerCheck(pool: PoolFacts): Finding[] {
  if (pool.healthCheck.kind !== "smtp" || pool.healthCheck.nextHop !== null) return [];
  return [findingOf(onPool(pool), { code: "smtp-check-stops-at-banner", severity: "warning", field: "healthCheck.nextHop", sentence: `The SMTP check of pool "${pool.name}" stops at the member itself: a proxy that greets but cannot reach the mail server behind it looks healthy.`, cure: "Name the host and port that the members forward to. An outage there is then told apart, and takes no working member out unless you say so." })];
}

function slowCheck(pool: PoolFacts): Finding[] {
  const check = pool.healthCheck;
  if (check.kind === "none" || check.timeoutMs < check.intervalMs) return [];
  return [findingOf(onPool(pool), { code: "check-timeout-too-long", severity: "warning", field: "healthCheck.timeoutMs", sentence: `A check of pool "${pool.name}" may take ${check.timeoutMs} ms but is due every ${check.intervalMs} ms, so a silent member is found out later than the settings promise.`, cure: "Make the timeout shorter than the interval." })];
}

/** A check that passes while the service does not work (S3-16). */
export function weakCheckFindings(service: ServiceFacts): Finding[] {
  const { pool } = service;
  const check = pool.healthCheck;
  if (check.kind === "none") return [];
  const object = onService(service);
  const field = "pool.healthCheck";
  const isMail = smtpPorts.has(service.port) || pool.members.some((member) => smtpPorts.has(member.port));
  if (isMail && check.kind !== "smtp") return [findingOf(object, { code: "check-weaker-than-service", severity: "warning", field, sentence: `"${service.name}" carries mail, but the ${checkName[check.kind]} check does not wait for the greeting "220": a mail server that accepts connections and says nothing looks healthy.`, cure: "Choose the SMTP check, and name the next hop when the members forward." })];
  if (service.protocol === "http" && check.kind !== "http") return [findingOf(object, { code: "check-weaker-than-service", severity: "note", field, sentence: `"${service.name}" serves HTTP, but the ${checkName[check.kind]} check asks nothing: a member that answers every request with an error looks healthy.`, cure: "Choose the HTTP check with a path that fails when the application does." })];
  const membersSpeakTls = service.mode === "tls-passthrough" || service.mode === "tls-reencrypt";
  if (membersSpeakTls && check.kind === "tcp") return [findingOf(object, { code: "check-weaker-than-service", severity: "note", field, sentence: `The members of "${service.name}" speak TLS, but the TCP check does not shake hands: it sees neither an expired certificate nor a wrong name${endsTls(service.mode) ? "" : ", which clients do"}.`, cure: "Choose the TLS check, or HTTP with TLS. Tunnel gateways as members demand client certificates: TCP is right for them." })];
  return [];
}

const checkName = { tcp: "TCP", tls: "TLS", http: "HTTP", smtp: "SMTP" } as const;
