/** `sallyport lint`: every rule over everything the organisation has. Nothing is dialled; what members present is known from health checks. */
import type { z } from "zod";
import type { Finding } from "../../../contract/finding.ts";
import type { lintInput, lintReply } from "../../../contract/service-objects.ts";
import type { Caller } from "../caller.ts";
import { reachFindings } from "./reach-rules.ts";
import { readReach } from "./read-reach.ts";
import { readWayBack } from "./read-way-back.ts";
import { inOrder, isAtLeast } from "./report.ts";
import { findingsOfPool, findingsOfService } from "./service-rules.ts";
import { readPools, readRoots, readService, readServices, readSurroundings, readSurroundingsOf, without } from "./surroundings.ts";
import { wayBackFindings } from "./way-back-rules.ts";

export async function runLint(caller: Caller, input: z.infer<typeof lintInput>, now: Date = new Date()): Promise<z.infer<typeof lintReply>> {
  const services = await readServices(caller, await readRoots(caller));
  const around = await readSurroundings(caller, services, now);
  const [pools, reach, wayBack] = await Promise.all([readPools(caller), readReach(caller, around.gateways, now), readWayBack(caller, now)]);
  const findings = inOrder([...services.flatMap((service) => findingsOfService(service, without(around, service.id))), ...pools.flatMap(findingsOfPool), ...reachFindings(reach), ...wayBackFindings(wayBack)]);
  const count = (severity: Finding["severity"]) => findings.filter((finding) => finding.severity === severity).length;
  return { checkedAt: now.toISOString(), findings: findings.filter((finding) => isAtLeast(finding.severity, input.severity)), counts: { error: count("error"), warning: count("warning"), note: count("note") } };
}

/** What a service's page shows: its own findings and its pool's. Empty for a service of another organisation. */
export async function findingsOfServiceId(caller: Caller, serviceId: string, now: Date = new Date()): Promise<Finding[]> {
  const service = await readService(caller, serviceId, await readRoots(caller));
  if (!service) return [];
  const around = await readSurroundingsOf(caller, service, now);
  return inOrder([...findingsOfService(service, around), ...findingsOfPool(service.pool)]);
}
