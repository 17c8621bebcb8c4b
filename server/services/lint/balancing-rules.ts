/** Balancing: methods that move clients in the middle of a session, and weights or members that do not do what they seem to (S3-32 to S3-43, S3-60 to S3-70). */
import type { Finding } from "../../../contract/finding.ts";
import type { Persistence } from "../../../contract/persistence.ts";
import { isCookiePersistence } from "../../../contract/persistence.ts";
import type { MemberFacts, PoolFacts, ServiceFacts, Surroundings } from "./facts.ts";
import { findingOf, listed, onPool, onService } from "./report.ts";

/** Highest to lowest weight from which one member counts as "at maximum, the others at minimum" (S3-69). */
const ratioOfOneActive = 10;

/** What the pool says by itself, whichever service uses it. */
export function poolFindings(pool: PoolFacts): Finding[] {
  return [...memberCountFindings(pool), ...weightFindings(pool), ...methodFindings(pool)];
}

/** What only pool and service together say. */
export function persistenceFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  return [...missingPersistence(service), ...unreadableCookie(service), ...secondCookie(service), ...sharedAddress(service, around)];
}

function memberCountFindings(pool: PoolFacts): Finding[] {
  const object = onPool(pool);
  if (pool.members.length === 0) return [findingOf(object, { code: "pool-without-members", severity: "error", field: "members", sentence: `Pool "${pool.name}" has no members: every client is refused.`, cure: "Add the servers that do the work." })];
  const enabled = pool.members.filter((member) => member.state === "enabled");
  if (enabled.length === 0) return [findingOf(object, { code: "no-member-enabled", severity: "error", field: "members", sentence: `No member of pool "${pool.name}" is enabled: new clients are refused.`, cure: "Enable one." })];
  if (enabled.every((member) => member.weight === 0)) return [findingOf(object, { code: "weight-all-zero", severity: "error", field: "members", sentence: `Every enabled member of pool "${pool.name}" has weight 0, which drains it: new clients are refused.`, cure: "Give at least one a weight of 1 or more." })];
  if (pool.members.length === 1) return [findingOf(object, { code: "pool-single-member", severity: "note", field: "members", sentence: `Pool "${pool.name}" has one member; when it is down, so is the service.`, cure: "Add a second one for fail-over, unless an outage is acceptable." })];
  return [];
}

const weighted: ReadonlySet<PoolFacts["scheduling"]> = new Set(["weighted-round-robin", "least-connections", "source-hash"]);

function weightFindings(pool: PoolFacts): Finding[] {
  const weights = new Set(active(pool).map((member) => member.weight));
  if (weighted.has(pool.scheduling) || weights.size < 2) return [];
  return [findingOf(onPool(pool), { code: "weights-ignored", severity: "note", field: "members", sentence: `The members of pool "${pool.name}" have different weights, but ${methodName[pool.scheduling]} does not look at them (0 still drains).`, cure: pool.scheduling === "round-robin" ? "Choose weighted round robin to use them." : "Put the members in the order in which they should be used; set all weights to 1." })];
}

export const methodName: Record<PoolFacts["scheduling"], string> = { failover: "fail-over", "first-alive": "first alive", "weighted-round-robin": "weighted round robin", "least-connections": "least connections", "source-hash": "source hash", "round-robin": "round robin" };

function methodFindings(pool: PoolFacts): Finding[] {
  if (!pool.isSessionBound) return [];
  const object = onPool(pool);
  if (pool.scheduling === "round-robin") return [findingOf(object, { code: "round-robin-session-bound", severity: "error", field: "scheduling", sentence: `Pool "${pool.name}" is session-bound; plain round robin gives each connection to the next member, in the middle of a session too.`, cure: "Use fail-over (preferred), first alive, or weighted round robin with one member at maximum and the others at minimum." })];
  if (!spreads(pool)) return [];
  return [findingOf(object, { code: "session-bound-spread", severity: "warning", field: "scheduling", sentence: `Pool "${pool.name}" is session-bound, yet ${methodName[pool.scheduling]} spreads its sessions over ${listed(active(pool).map((member) => member.name))}; such servers may not have each other's data yet.`, cure: "Prefer fail-over. If a share is wanted, give one member a high weight (10 or more) and the others 1." })];
}

function active(pool: PoolFacts): MemberFacts[] {
  return pool.members.filter((member) => member.state === "enabled" && member.weight > 0);
}

/** True when new sessions go to several members at once; one at maximum and the others at minimum does not count (S3-69). */
export function spreads(pool: PoolFacts): boolean {
  const members = active(pool);
  if (members.length < 2) return false;
  if (pool.scheduling === "round-robin" || pool.scheduling === "least-connections") return true;
  if (pool.scheduling !== "weighted-round-robin") return false;
  const [highest = 0, ...others] = members.map((member) => member.weight).sort((a, b) => b - a);
  return !others.every((weight) => weight === 1) || highest < ratioOfOneActive;
}

function missingPersistence(service: ServiceFacts): Finding[] {
  const { pool } = service;
  if (!pool.isSessionBound || service.persistence.kind !== "none" || active(pool).length < 2) return [];
  const object = onService(service);
  const several = ["weighted-round-robin", "least-connections", "round-robin"].includes(pool.scheduling);
  if (several) return [findingOf(object, { code: "persistence-missing", severity: "warning", field: "persistence", sentence: `Nothing keeps a client of "${service.name}" on its member, although pool "${pool.name}" is session-bound and ${methodName[pool.scheduling]} chooses anew for every connection.`, cure: persistenceCure(service) })];
  if (pool.scheduling === "source-hash" || (pool.scheduling === "failover" && !pool.failsBack)) return [];
  return [findingOf(object, { code: "persistence-missing", severity: "note", field: "persistence", sentence: `When ${pool.members[0]?.name ?? "the first member"} comes back after an outage, clients of "${service.name}" move back to it in the middle of their sessions.`, cure: `${persistenceCure(service)} Or let fail-over stay with the member in use.` })];
}

function persistenceCure(service: ServiceFacts): string {
  return service.protocol === "http" ? "Choose a cookie method, or source address." : "Choose source address (cookies cannot be read in this mode).";
}

/** Cookies are in the encrypted part: only a service that reads HTTP can use them (S2-02). */
function unreadableCookie(service: ServiceFacts): Finding[] {
  if (!isCookiePersistence(service.persistence.kind) || service.protocol === "http") return [];
  return [findingOf(onService(service), { code: "persistence-needs-http", severity: "error", field: "persistence", sentence: `"${service.name}" should keep clients by cookie, but it does not read HTTP.`, cure: "Switch the mode to off-load or re-encrypt and the protocol to HTTP, or keep clients by source address." })];
}

/** Clients that expect one Set-Cookie fail to enrol when the gateway adds a second (S3-38). */
function secondCookie(service: ServiceFacts): Finding[] {
  const { persistence } = service;
  if (!addsCookie(persistence) || !service.pool.isSessionBound) return [];
  return [findingOf(onService(service), { code: "second-set-cookie", severity: "warning", field: "persistence", sentence: `"${service.name}" adds a Set-Cookie of its own to every answer; enrolment clients of PGP Encryption Server before 10.5.1 expect only one and fail.`, cure: "Add an exception for those clients (source address, or cookie prefix), or follow the application's own cookie (ovidCookie from 10.5.1 on)." })];
}

function addsCookie(persistence: Persistence): boolean {
  return persistence.kind === "cookie-insert" && !persistence.exceptions.some((exception) => exception.use !== "cookie-insert");
}

/** Behind a balancer that does not say who the client is, every client has one address (S0-01). */
function sharedAddress(service: ServiceFacts, around: Surroundings): Finding[] {
  const bySource = service.persistence.kind === "source-address" || service.persistence.kind === "duration" || service.pool.scheduling === "source-hash";
  if (!bySource || service.acceptProxy.kind !== "off") return [];
  const behind = around.gateways.filter((gateway) => service.gatewayIds.includes(gateway.id) && gateway.isBehindLoadBalancer);
  if (behind.length === 0) return [];
  return [findingOf(onService(service), { code: "persistence-behind-shared-address", severity: "warning", field: service.pool.scheduling === "source-hash" && service.persistence.kind === "none" ? "pool.scheduling" : "persistence", sentence: `"${service.name}" tells clients apart by their address, but ${listed(behind.map((gateway) => gateway.name))} ${behind.length === 1 ? "stands" : "stand"} behind a load balancer: every client seems to be the balancer, and all go to one member.`, cure: "Let the balancer send PROXY protocol and accept it from its addresses here, or keep clients by cookie." })];
}
