/** Reads what stands around services: gateways with their listeners, the other services, and the names that agents and bundles carry. */
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import type { ServiceFacts, Surroundings } from "./facts.ts";
import { gatewayColumns, gatewayFactsOf, neighbourColumns, neighbourOf, poolColumns, poolFactsOf, serviceColumns, serviceFactsOf } from "./service-rows.ts";

const rowsMax = 1_000;

/** `roots`: PEM of the organisation's own CA, for telling whether a certificate lacks its intermediate. */
export async function readRoots(caller: Caller): Promise<string[]> {
  const { rootPem, issuingPem } = await trustAnchors(caller.db, caller.organisationId);
  return [rootPem, issuingPem];
}

export async function readServices(caller: Caller, roots: readonly string[]): Promise<ServiceFacts[]> {
  const rows = await caller.db.virtualService.findMany({ where: { organisationId: caller.organisationId }, select: serviceColumns, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: rowsMax });
  return rows.map((row) => serviceFactsOf(row, roots));
}

export async function readPools(caller: Caller) {
  const rows = await caller.db.pool.findMany({ where: { organisationId: caller.organisationId }, select: poolColumns, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: rowsMax });
  return rows.map(poolFactsOf);
}

/** One service with its pool; undefined when this organisation has none of this id. */
export async function readService(caller: Caller, id: string, roots: readonly string[]): Promise<ServiceFacts | undefined> {
  const row = await caller.db.virtualService.findFirst({ where: { id, organisationId: caller.organisationId }, select: serviceColumns });
  return row ? serviceFactsOf(row, roots) : undefined;
}

/** What stands around one service: of the other services only those of its port can clash with it. */
export async function readSurroundingsOf(caller: Caller, service: { id: string | null; port: number }, now: Date): Promise<Surroundings> {
  const rows = await caller.db.virtualService.findMany({ where: { organisationId: caller.organisationId, port: service.port }, select: neighbourColumns, take: rowsMax });
  return without(await readSurroundings(caller, rows.map(neighbourOf), now), service.id);
}

/** `services`: every one that may clash with another; callers take the one they look at out. */
export async function readSurroundings(caller: Caller, services: Surroundings["services"], now: Date): Promise<Surroundings> {
  const gateways = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId }, select: gatewayColumns, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: rowsMax });
  return { now, gateways: gateways.map(gatewayFactsOf), services: [...services], knownNames: await readKnownNames(caller) };
}

export function without(around: Surroundings, serviceId: string | null): Surroundings {
  return { ...around, services: around.services.filter((service) => service.id !== serviceId) };
}

type NameRow = { name: string; port: number; agents: bigint };

/** Names of gateways in enabled policies with the agents they target, names of management servers with all enrolled agents, and what bundles are stamped with (S3-22). */
async function readKnownNames(caller: Caller): Promise<Surroundings["knownNames"]> {
  const { organisationId } = caller;
  const rows = await caller.db.$queryRaw<NameRow[]>`
    SELECT lower(e.fqdn) AS name, e.port, count(DISTINCT a.id) AS agents FROM "PolicyGateway" e
      JOIN "Policy" p ON p.id = e."policyId" AND p."organisationId" = ${organisationId}::uuid AND p."isEnabled"
      LEFT JOIN "PolicyGroup" g ON g."policyId" = p.id LEFT JOIN "AgentGroupMember" m ON m."groupId" = g."groupId"
      LEFT JOIN "Agent" a ON a.id = m."agentId" AND a."enrolledAt" IS NOT NULL AND a."revokedAt" IS NULL
     GROUP BY lower(e.fqdn), e.port
    UNION ALL
    SELECT lower(n.name), q.port, (SELECT count(*) FROM "Agent" a WHERE a."organisationId" = ${organisationId}::uuid AND a."enrolledAt" IS NOT NULL AND a."revokedAt" IS NULL)
      FROM "Server" s, unnest(s.names) AS n(name), unnest(s.ports) AS q(port) WHERE s."organisationId" = ${organisationId}::uuid AND s."isAgentSite"
     LIMIT 2000`;
  const known = new Map(rows.map((row) => [`${row.name} ${row.port}`, { name: row.name, port: row.port, agents: Number(row.agents), bundles: 0 }]));
  const bundles = await caller.db.bundle.findMany({ where: { organisationId, revokedAt: null }, select: { stamp: true }, take: rowsMax });
  for (const { stamp } of bundles) for (const place of stampedPlaces(stamp)) {
    const key = `${place.name} ${place.port}`;
    const entry = known.get(key) ?? { ...place, agents: 0, bundles: 0 };
    known.set(key, { ...entry, bundles: entry.bundles + 1 });
  }
  return [...known.values()];
}

function stampedPlaces(stamp: unknown): { name: string; port: number }[] {
  const parsed = stamp as { managementServer?: unknown; gateways?: unknown } | null;
  const texts = [parsed?.managementServer, ...(Array.isArray(parsed?.gateways) ? parsed.gateways : [])];
  const places = texts.flatMap((text) => {
    const [, name, port] = typeof text === "string" ? (/^([^:[\]]+):(\d{1,5})$/.exec(text) ?? []) : [];
    return name === undefined || port === undefined ? [] : [{ name: name.toLowerCase(), port: Number(port) }];
  });
  return [...new Map(places.map((place) => [`${place.name} ${place.port}`, place])).values()];
}
