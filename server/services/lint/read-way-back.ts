/** Reads what the rules about the way back look at. */
import type { Caller } from "../caller.ts";
import { readRelayFacts } from "../relay/facts.ts";
import { relayFindings } from "../relay/findings.ts";
import { agentCounts } from "../reach-rule/list.ts";
import { readRule } from "../reach-rule/read.ts";
import type { WayBackFacts } from "./way-back-rules.ts";

const rowsMax = 2_000;
const sampleMax = 5;

export async function readWayBack(caller: Caller, now: Date): Promise<WayBackFacts> {
  const { organisationId, db } = caller;
  const uncheckedWhere = { organisationId, isRelayValidationOff: true, revokedAt: null };
  const [organisation, relays, unchecked, sample, gateways, rules, agentTotal, people, keys] = await Promise.all([
    db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { id: true, name: true } }),
    readRelayFacts(db, organisationId, now),
    db.agent.count({ where: uncheckedWhere }),
    db.agent.findMany({ where: uncheckedWhere, select: { hostname: true }, orderBy: [{ hostname: "asc" }, { id: "asc" }], take: sampleMax }),
    db.gateway.findMany({ where: { organisationId }, select: { id: true, name: true, insideAddress: true }, orderBy: { nameKey: "asc" }, take: rowsMax }),
    db.reachRule.findMany({ where: { organisationId, isEnabled: true }, select: { id: true, name: true, services: true, who: true, approval: true, scripts: true }, orderBy: { nameKey: "asc" }, take: rowsMax }),
    db.agent.count({ where: { organisationId, revokedAt: null, enrolledAt: { not: null } } }),
    db.membership.groupBy({ by: ["role"], where: { organisationId }, _count: true }),
    db.apiKey.groupBy({ by: ["role"], where: { organisationId, revokedAt: null, expiresAt: { gt: now } }, _count: true }),
  ]);
  const counts = await agentCounts(db, organisationId, rules.map((rule) => rule.id));
  return {
    organisation, relays: relayFindings(relays, now), unchecked: { count: unchecked, sample: sample.map((agent) => agent.hostname) }, gateways, agentTotal,
    rules: rules.flatMap((rule) => {
      const { services, who, approval } = readRule(rule);
      return services.length === 0 ? [] : [{ id: rule.id, name: rule.name, roles: who.roles, approvalRoles: approval?.roles ?? null, agents: counts.get(rule.id) ?? 0 }];
    }),
    rolesHeld: new Set([...people, ...keys].map((row) => row.role)),
  };
}
