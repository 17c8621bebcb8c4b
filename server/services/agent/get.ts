/** One agent: identity, certificates, inventory, attempts, tunnels and the policies that target it. */
import type { z } from "zod";
import { connectionAttempt, inventory } from "../../../contract/agent-site.ts";
import { relayHop } from "../../../contract/channel.ts";
import { formatIdentity } from "../../../contract/names.ts";
import type { agentDetail } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso, isoOrNull } from "../object/list.ts";
import { certificateProxies } from "./certificate-proxy.ts";
import { agentColumns, toAgentRow } from "./list.ts";

/** Tunnels shown on the agent's page, newest first. */
const tunnelsMax = 20;

const detailColumns = {
  ...agentColumns, note: true, version: true, attempts: true, inventory: true, inventoryAt: true, policyRevision: true, clockSkewMs: true, relayPath: true, relayAddress: true, isRelayValidationOff: true, awaitsApproval: true, approvedAt: true, approvedByName: true, keysAt: true,
  organisation: { select: { trustDomain: true } },
  certificates: { where: { purpose: "agent" }, select: { id: true, fingerprint: true, serial: true, notAfter: true, isCurrent: true, revokedAt: true }, orderBy: { createdAt: "desc" }, take: 20 },
} as const;

export async function getAgent(caller: Caller, input: { id: string }): Promise<z.infer<typeof agentDetail>> {
  const { organisationId } = caller;
  const row = await caller.db.agent.findFirst({ where: { id: input.id, organisationId }, select: detailColumns });
  if (!row) throw notFound("agent", input.id);
  const known = inventory.safeParse(row.inventory);
  const path = relayHop.array().safeParse(row.relayPath);
  const attempts = connectionAttempt.array().safeParse(row.attempts);
  return {
    ...toAgentRow(row),
    note: row.note,
    relayPath: path.success ? path.data : [], relayAddress: row.relayAddress, isRelayValidationOff: row.isRelayValidationOff,
    approval: { isNeeded: row.awaitsApproval, approvedAt: isoOrNull(row.approvedAt), approvedBy: row.approvedByName }, hasKeys: row.keysAt !== null,
    identity: formatIdentity({ trustDomain: row.organisation.trustDomain, organisationId, kind: "agent", id: row.id }),
    certificates: row.certificates.map((certificate) => ({ id: certificate.id, fingerprint: certificate.fingerprint, serial: certificate.serial, notAfter: iso(certificate.notAfter), isCurrent: certificate.isCurrent && certificate.revokedAt === null })),
    inventory: known.success ? known.data : null, inventoryAt: isoOrNull(row.inventoryAt), attempts: attempts.success ? attempts.data : [],
    policies: await policiesOf(caller, row.groups.map(({ group }) => group.id)),
    policyRevision: row.policyRevision, clockSkewMs: row.clockSkewMs, tunnels: await tunnelsOf(caller, row.id),
    diagnoses: await diagnosesOf(caller, row.id),
    enrolledAt: isoOrNull(row.enrolledAt), revokedAt: isoOrNull(row.revokedAt), rowVersion: row.version,
  };
}

async function policiesOf(caller: Caller, groupIds: string[]) {
  return caller.db.policy.findMany({ where: { organisationId: caller.organisationId, groups: { some: { groupId: { in: groupIds } } } }, select: { id: true, name: true, isEnabled: true }, orderBy: { nameKey: "asc" } });
}

async function tunnelsOf(caller: Caller, agentId: string): Promise<z.infer<typeof agentDetail>["tunnels"]> {
  const { organisationId } = caller;
  const rows = await caller.db.tunnel.findMany({ where: { organisationId, agentId }, include: { gateway: { select: { id: true, name: true } } }, orderBy: { openedAt: "desc" }, take: tunnelsMax });
  const servers = await caller.db.server.findMany({ where: { organisationId, id: { in: rows.map((row) => row.serverId) } }, select: { id: true, name: true } });
  const names = new Map(servers.map((server) => [server.id, server.name]));
  return rows.map((row) => ({
    connectionId: row.connectionId, gateway: row.gateway, server: { id: row.serverId, name: names.get(row.serverId) ?? "(deleted server)" }, step: row.step,
    openedAt: iso(row.openedAt), lastByteAt: iso(row.lastByteAt), bytesUp: Number(row.bytesUp), bytesDown: Number(row.bytesDown), endedAt: isoOrNull(row.endedAt),
  }));
}

async function diagnosesOf(caller: Caller, agentId: string): Promise<z.infer<typeof agentDetail>["diagnoses"]> {
  const found = await certificateProxies(caller, new Date(), agentId);
  return found.map(({ gatewayId, gateway, seen, own, at, sentence, cure }) => ({ code: "certificate-proxy" as const, gateway: { id: gatewayId, name: gateway }, seen, own, at, sentence, cure }));
}
