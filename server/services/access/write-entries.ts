/** Writes access entries: the one way in which an agent or bundle becomes known to, changes for, or is shut out by gateways. One entry per change goes on the wire. */
import type { Tx } from "../../db.ts";
import { wake } from "../change/publish.ts";
import { reviewSessions } from "../reach-session/review.ts";

/**
 * Recomputes the access entries of these agents from their rows (revoked or not, current certificates, groups) and gives each a new version.
 * Sessions of reverse access that rested on what changed end with it. Call it in the transaction that changed them. Versions are taken under the organisation's row lock, so they commit in order.
 */
export async function writeAgentAccess(tx: Tx, organisationId: string, agentIds: readonly string[]): Promise<void> {
  if (agentIds.length === 0) return;
  const first = await takeVersions(tx, organisationId, agentIds.length);
  await tx.$executeRaw`
    INSERT INTO "AccessEntry" (id, "organisationId", version, kind, status, fingerprints, "groupIds", "expiresAt")
    SELECT a.id, a."organisationId", ${first}::bigint + row_number() OVER (ORDER BY a.id) - 1, 'agent',
           CASE WHEN a."revokedAt" IS NOT NULL THEN 'revoked' WHEN a."awaitsApproval" THEN 'waiting' ELSE 'active' END,
           ARRAY(SELECT c.fingerprint FROM "Certificate" c WHERE c."agentId" = a.id AND c.purpose = 'agent' AND c."isCurrent" AND c."revokedAt" IS NULL ORDER BY c."createdAt" DESC LIMIT 4),
           ARRAY(SELECT m."groupId" FROM "AgentGroupMember" m WHERE m."agentId" = a.id ORDER BY 1 LIMIT 200), NULL
      FROM "Agent" a WHERE a."organisationId" = ${organisationId}::uuid AND a.id = ANY(${[...agentIds]}::uuid[])
    ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version, status = EXCLUDED.status, fingerprints = EXCLUDED.fingerprints, "groupIds" = EXCLUDED."groupIds"`;
  await wake(tx, { organisationId, kind: "access", gatewayId: null });
  await reviewSessions(tx, { organisationId }, { agentIds }, "the agent's groups or its admission changed");
}

/** The same for offline bundles: their bootstrap identity is active until revoked, used up or expired. */
export async function writeBundleAccess(tx: Tx, organisationId: string, bundleIds: readonly string[]): Promise<void> {
  if (bundleIds.length === 0) return;
  const first = await takeVersions(tx, organisationId, bundleIds.length);
  await tx.$executeRaw`
    INSERT INTO "AccessEntry" (id, "organisationId", version, kind, status, fingerprints, "groupIds", "expiresAt")
    SELECT b.id, b."organisationId", ${first}::bigint + row_number() OVER (ORDER BY b.id) - 1, 'bundle',
           CASE WHEN b."revokedAt" IS NULL AND b.uses < b."usesMax" THEN 'active' ELSE 'revoked' END,
           ARRAY(SELECT c.fingerprint FROM "Certificate" c WHERE c."bundleId" = b.id AND c."isCurrent" AND c."revokedAt" IS NULL ORDER BY c."createdAt" DESC LIMIT 4),
           b."groupIds", b."expiresAt"
      FROM "Bundle" b WHERE b."organisationId" = ${organisationId}::uuid AND b.id = ANY(${[...bundleIds]}::uuid[])
    ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version, status = EXCLUDED.status, fingerprints = EXCLUDED.fingerprints, "groupIds" = EXCLUDED."groupIds", "expiresAt" = EXCLUDED."expiresAt"`;
  await wake(tx, { organisationId, kind: "access", gatewayId: null });
}

/** Leaves tombstones for deleted agents or bundles, so that every gateway forgets them. Call it in the transaction that deletes. */
export async function removeAccess(tx: Tx, organisationId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const first = await takeVersions(tx, organisationId, ids.length);
  await tx.$executeRaw`
    UPDATE "AccessEntry" e SET status = 'removed', fingerprints = '{}', "groupIds" = '{}', version = ${first}::bigint + numbered.n - 1
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM "AccessEntry" WHERE "organisationId" = ${organisationId}::uuid AND id = ANY(${[...ids]}::uuid[])) numbered
     WHERE e.id = numbered.id`;
  await wake(tx, { organisationId, kind: "access", gatewayId: null });
}

async function takeVersions(tx: Tx, organisationId: string, count: number): Promise<bigint> {
  const { accessVersion } = await tx.organisation.update({ where: { id: organisationId }, data: { accessVersion: { increment: count } }, select: { accessVersion: true } });
  return accessVersion - BigInt(count) + 1n;
}
