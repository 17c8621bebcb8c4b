/** What the control channel compares with what it has sent: the newest revision and access version of connected gateways, and whether they may still be connected. */
import type { Db } from "../../db.ts";

export type ConnectedRef = { gatewayId: string; organisationId: string; /** Of the certificate it authenticated with. */ fingerprint: string };
export type GatewayHead = { gatewayId: string; organisationId: string; revision: number; accessVersion: number; forwardLogs: boolean };

/** One query for all connected gateways. A gateway that is missing in the answer was deleted, or its certificate was revoked or replaced: its channel ends. */
export async function readHeads(db: Db, connected: readonly ConnectedRef[]): Promise<Map<string, GatewayHead>> {
  if (connected.length === 0) return new Map();
  const rows = await db.$queryRaw<{ id: string; fingerprint: string; organisationId: string; revision: number; accessVersion: bigint; forwardLogs: boolean }[]>`
    SELECT g.id::text AS id, c.fingerprint, g."organisationId"::text AS "organisationId", g.revision, o."accessVersion", g."forwardLogs"
      FROM unnest(${connected.map((gateway) => gateway.gatewayId)}::uuid[], ${connected.map((gateway) => gateway.organisationId)}::uuid[], ${connected.map((gateway) => gateway.fingerprint)}::text[]) AS k(id, organisation, fingerprint)
      JOIN "Gateway" g ON g.id = k.id AND g."organisationId" = k.organisation
      JOIN "Organisation" o ON o.id = g."organisationId"
      JOIN "Certificate" c ON c."gatewayId" = g.id AND c."organisationId" = o.id AND c.fingerprint = k.fingerprint AND c.purpose = 'gateway-control' AND c."isCurrent" AND c."revokedAt" IS NULL AND c."notAfter" > now()`;
  return new Map(rows.map((row) => [`${row.id} ${row.fingerprint}`, { gatewayId: row.id, organisationId: row.organisationId, revision: row.revision, accessVersion: Number(row.accessVersion), forwardLogs: row.forwardLogs }]));
}
