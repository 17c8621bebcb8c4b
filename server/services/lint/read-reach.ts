/** Reads what the rules about the whole organisation look at. */
import type { Caller } from "../caller.ts";
import { softwareVersion } from "../../version.ts";
import { certificateProxies } from "../agent/certificate-proxy.ts";
import { expiringMs } from "./certificate-rules.ts";
import type { GatewayFacts } from "./facts.ts";
import type { ReachFacts } from "./reach-rules.ts";

const rowsMax = 500;
const sampleMax = 5;

export async function readReach(caller: Caller, gateways: GatewayFacts[], now: Date): Promise<ReachFacts> {
  const { organisationId } = caller;
  const organisation = await caller.db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { id: true, name: true } });
  const [misplaced, policies, uncovered, bundles, proxies, agentVersions, certificates] = await Promise.all([
    readMisplaced(caller), readPolicies(caller), readUncovered(caller), readBundles(caller, now), certificateProxies(caller, now), readAgentVersions(caller), readCertificates(caller, now),
  ]);
  return { now, gateways, organisation, misplaced, policies, uncovered, bundles, proxies, agentVersions, consoleVersion: softwareVersion, certificates };
}

async function readMisplaced(caller: Caller): Promise<ReachFacts["misplaced"]> {
  const rows = await caller.db.serverSite.findMany({ where: { server: { organisationId: caller.organisationId, kind: "management" }, site: { kind: "internet" } }, select: { server: { select: { id: true, name: true } }, site: { select: { name: true } } }, take: rowsMax });
  return rows.map(({ server, site }) => ({ server, site: site.name }));
}

type CountRow = { id: string; agents: bigint };

async function readPolicies(caller: Caller): Promise<ReachFacts["policies"]> {
  const { organisationId } = caller;
  const rows = await caller.db.policy.findMany({ where: { organisationId, isEnabled: true, gateways: { some: {} } }, select: { id: true, name: true, gateways: { orderBy: { ordinal: "asc" }, select: { gatewayId: true, fqdn: true, port: true, pins: true, gateway: { select: { name: true, presentedCertificateId: true } } } } }, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: rowsMax });
  const presentedIds = rows.flatMap((row) => row.gateways.flatMap((entry) => entry.gateway.presentedCertificateId ?? []));
  const presented = await caller.db.certificate.findMany({ where: { organisationId, id: { in: presentedIds } }, select: { id: true, fingerprint: true } });
  const counts = await caller.db.$queryRaw<CountRow[]>`
    SELECT p.id, count(DISTINCT a.id) AS agents FROM "Policy" p JOIN "PolicyGroup" g ON g."policyId" = p.id JOIN "AgentGroupMember" m ON m."groupId" = g."groupId"
      JOIN "Agent" a ON a.id = m."agentId" AND a."revokedAt" IS NULL AND a."enrolledAt" IS NOT NULL
     WHERE p."organisationId" = ${organisationId}::uuid AND p."isEnabled" GROUP BY p.id`;
  return rows.map((row) => ({
    id: row.id, name: row.name, agents: Number(counts.find((entry) => entry.id === row.id)?.agents ?? 0n),
    gateways: row.gateways.map(({ gatewayId, fqdn, port, pins, gateway }) => ({ gatewayId, gateway: gateway.name, fqdn, port, pins, presented: presented.find((certificate) => certificate.id === gateway.presentedCertificateId)?.fingerprint ?? null })),
  }));
}

async function readUncovered(caller: Caller): Promise<ReachFacts["uncovered"]> {
  const where = { organisationId: caller.organisationId, revokedAt: null, enrolledAt: { not: null }, groups: { none: { group: { policies: { some: { policy: { isEnabled: true, gateways: { some: {} } } } } } } } };
  const [count, sample] = await Promise.all([caller.db.agent.count({ where }), caller.db.agent.findMany({ where, select: { hostname: true }, orderBy: [{ hostname: "asc" }, { id: "asc" }], take: sampleMax })]);
  return { count, sample: sample.map((agent) => agent.hostname) };
}

async function readBundles(caller: Caller, now: Date): Promise<ReachFacts["bundles"]> {
  const rows = await caller.db.bundle.findMany({ where: { organisationId: caller.organisationId, revokedAt: null, expiresAt: { gt: now } }, select: { id: true, name: true, stamp: true, uses: true, usesMax: true }, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: rowsMax });
  return rows.filter((row) => row.uses < row.usesMax).map((row) => ({ id: row.id, name: row.name, gateways: gatewaysIn(row.stamp) }));
}

function gatewaysIn(stamp: unknown): string[] {
  const list = typeof stamp === "object" && stamp !== null && "gateways" in stamp ? stamp.gateways : [];
  return Array.isArray(list) ? list.filter((entry) => typeof entry === "string") : [];
}

async function readAgentVersions(caller: Caller): Promise<ReachFacts["agentVersions"]> {
  const rows = await caller.db.agent.groupBy({ by: ["softwareVersion"], where: { organisationId: caller.organisationId, revokedAt: null, softwareVersion: { not: null } }, _count: { _all: true }, _min: { hostname: true }, orderBy: { softwareVersion: "asc" }, take: 50 });
  return rows.map((row) => ({ version: row.softwareVersion ?? "", count: row._count._all, sample: row._min.hostname ?? "" }));
}

/** Imported ones are reported by the services that use them, and here when a gateway or the agent site does. */
async function readCertificates(caller: Caller, now: Date): Promise<ReachFacts["certificates"]> {
  const rows = await caller.db.certificate.findMany({
    where: { organisationId: caller.organisationId, isCurrent: true, revokedAt: null, purpose: { in: ["root-ca", "issuing-ca", "agent-site", "control", "gateway-listener", "imported"] }, notAfter: { lt: new Date(now.getTime() + expiringMs) }, services: { none: {} } },
    select: { id: true, name: true, subject: true, notAfter: true }, orderBy: { notAfter: "asc" }, take: rowsMax,
  });
  return rows.map((row) => ({ id: row.id, name: row.name === "" ? row.subject : row.name, notAfter: row.notAfter }));
}
