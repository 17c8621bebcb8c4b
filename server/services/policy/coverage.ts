/**
 * Who may come in from outside: an agent is covered when it is not revoked and one of its groups is targeted by an enabled policy that has a gateway (S1-56).
 * Everything that could take that away asks here first how many agents it would cut off.
 */
import type { Db, Tx } from "../../db.ts";

type Removal = { policyIds?: readonly string[]; groupIds?: readonly string[]; gatewayIds?: readonly string[] };

/** How many agents would lose their last way in, if these policies, groups or gateways were gone. */
export async function agentsCutOff(reader: Db | Tx, organisationId: string, removal: Removal): Promise<number> {
  const policyIds = [...(removal.policyIds ?? [])];
  const groupIds = [...(removal.groupIds ?? [])];
  const gatewayIds = [...(removal.gatewayIds ?? [])];
  const [row] = await reader.$queryRaw<{ count: bigint }[]>`
    WITH way AS (
      SELECT m."agentId", p.id AS "policyId", m."groupId", g."gatewayId"
        FROM "Policy" p
        JOIN "PolicyGateway" g ON g."policyId" = p.id
        JOIN "PolicyGroup" t ON t."policyId" = p.id
        JOIN "AgentGroupMember" m ON m."groupId" = t."groupId"
       WHERE p."organisationId" = ${organisationId}::uuid AND p."isEnabled")
    SELECT count(*) AS count FROM "Agent" a
     WHERE a."organisationId" = ${organisationId}::uuid AND a."revokedAt" IS NULL
       AND EXISTS (SELECT 1 FROM way w WHERE w."agentId" = a.id)
       AND NOT EXISTS (SELECT 1 FROM way w WHERE w."agentId" = a.id
             AND NOT w."policyId" = ANY(${policyIds}::uuid[]) AND NOT w."groupId" = ANY(${groupIds}::uuid[]) AND NOT w."gatewayId" = ANY(${gatewayIds}::uuid[]))`;
  return Number(row?.count ?? 0);
}

/** A policy as it would be after an edit; null: there is none. */
export type PolicyShape = { isEnabled: boolean; hasGateways: boolean; groupIds: readonly string[] };
export type CoverageChange = { gain: number; lose: number; loseSample: { id: string; name: string }[] };

const sampleMax = 20;

/** Who gains and who loses the way in when policy `policyId` (null: a new one) becomes `after`. */
export async function coverageChange(reader: Db | Tx, organisationId: string, policyId: string | null, after: PolicyShape | null): Promise<CoverageChange> {
  const counts = after?.isEnabled === true && after.hasGateways;
  const groupIds = counts ? [...after.groupIds] : [];
  const rows = await reader.$queryRaw<{ id: string; hostname: string; before: boolean; after: boolean }[]>`
    WITH covered AS (
      SELECT DISTINCT m."agentId", p.id AS "policyId"
        FROM "Policy" p JOIN "PolicyGroup" t ON t."policyId" = p.id JOIN "AgentGroupMember" m ON m."groupId" = t."groupId"
       WHERE p."organisationId" = ${organisationId}::uuid AND p."isEnabled" AND EXISTS (SELECT 1 FROM "PolicyGateway" g WHERE g."policyId" = p.id)),
    verdict AS (
      SELECT a.id, a.hostname,
             EXISTS (SELECT 1 FROM covered c WHERE c."agentId" = a.id) AS before,
             EXISTS (SELECT 1 FROM covered c WHERE c."agentId" = a.id AND c."policyId" IS DISTINCT FROM ${policyId}::uuid)
               OR EXISTS (SELECT 1 FROM "AgentGroupMember" m WHERE m."agentId" = a.id AND m."groupId" = ANY(${groupIds}::uuid[])) AS after
        FROM "Agent" a WHERE a."organisationId" = ${organisationId}::uuid AND a."revokedAt" IS NULL)
    SELECT id, hostname, before, after FROM verdict WHERE before <> after ORDER BY hostname, id`;
  const lost = rows.filter((row) => row.before);
  return { gain: rows.length - lost.length, lose: lost.length, loseSample: lost.slice(0, sampleMax).map((row) => ({ id: row.id, name: row.hostname })) };
}
