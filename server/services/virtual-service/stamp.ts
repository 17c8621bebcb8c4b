/** The name that clients were built with (the stamp, S3-45): who knows a service by it, and what changing it asks for (S3-22). */
import type { Db, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";

/** Enrolled agents that know one of these names: as the management server's, from the bundle they were installed with, or from an enabled policy that targets them. */
export async function agentsOfNames(reader: Db | Tx, organisationId: string, names: readonly string[]): Promise<number> {
  if (names.length === 0) return 0;
  const wanted = [...new Set(names.map((name) => name.toLowerCase()))];
  const [row] = await reader.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) AS count FROM "Agent" a
     WHERE a."organisationId" = ${organisationId}::uuid AND a."revokedAt" IS NULL AND a."enrolledAt" IS NOT NULL AND (
       EXISTS (SELECT 1 FROM "Server" v WHERE v."organisationId" = a."organisationId" AND v."isAgentSite" AND EXISTS (SELECT 1 FROM unnest(v.names) AS own(name) WHERE lower(own.name) = ANY(${wanted}::text[])))
       OR EXISTS (SELECT 1 FROM "Bundle" b WHERE b.id = a."bundleId" AND (
         lower(split_part(b.stamp->>'managementServer', ':', 1)) = ANY(${wanted}::text[])
         OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(b.stamp->'gateways') AS stamped(name) WHERE lower(split_part(stamped.name, ':', 1)) = ANY(${wanted}::text[]))))
       OR EXISTS (SELECT 1 FROM "AgentGroupMember" m JOIN "PolicyGroup" t ON t."groupId" = m."groupId" JOIN "Policy" p ON p.id = t."policyId" AND p."isEnabled" JOIN "PolicyGateway" g ON g."policyId" = p.id
                   WHERE m."agentId" = a.id AND g.fqdn = ANY(${wanted}::text[])))`;
  return Number(row?.count ?? 0);
}

/** Choose the name before enrolling clients; changing it under them asks for the service's name (S3-22). */
export function demandStampConfirmed(change: { name: string; before: string | null; after: string | null; agents: number; connections: number; confirmName: string | undefined }): void {
  const { name, before, after, agents, connections, confirmName } = change;
  if (before === null || before === after || (agents === 0 && connections === 0) || confirmName === name) return;
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const who = agents === 0 ? `${count(connections, "connection")} now` : `${count(agents, "enrolled agent")}${connections === 0 ? "" : ` and ${count(connections, "connection")} now`}`;
  throw new ConsoleError("confirmation-missing", `Clients were built with the name ${before} (${who}), and go on looking for it after it becomes ${after ?? "no name"}: keep the old name in DNS and in the certificate until they are enrolled again. Repeat the name "${name}" to confirm.`, {
    fields: [{ path: "confirmName", message: `type ${name}` }],
  });
}
