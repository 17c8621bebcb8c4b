/** One policy with its gateways in order, their pins next to what each presents now, and its target groups. */
import type { z } from "zod";
import { httpProxy } from "../../../contract/agent-site.ts";
import type { policyDetail } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { countPolicyAgents } from "./list.ts";

const detailColumns = {
  id: true, name: true, isEnabled: true, requestProxy: true, channelProxy: true, note: true, version: true, createdAt: true, updatedAt: true,
  gateways: { select: { gatewayId: true, fqdn: true, port: true, pins: true, gateway: { select: { name: true, presentedCertificateId: true } } }, orderBy: { ordinal: "asc" } },
  groups: { select: { group: { select: { id: true, name: true, _count: { select: { members: true } } } } }, orderBy: { group: { nameKey: "asc" } } },
} as const;

export async function getPolicy(caller: Caller, input: { id: string }): Promise<z.infer<typeof policyDetail>> {
  const row = await caller.db.policy.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: detailColumns });
  if (!row) throw notFound("policy", input.id);
  const presentedIds = row.gateways.flatMap((entry) => entry.gateway.presentedCertificateId ?? []);
  const presented = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, id: { in: presentedIds } }, select: { id: true, fingerprint: true } });
  const fingerprints = new Map(presented.map((certificate) => [certificate.id, certificate.fingerprint]));
  return {
    id: row.id, name: row.name, isEnabled: row.isEnabled, note: row.note, version: row.version, createdAt: iso(row.createdAt), updatedAt: iso(row.updatedAt),
    groupCount: row.groups.length, agentCount: await countPolicyAgents(caller, row.id),
    gateways: row.gateways.map(({ gateway, ...entry }) => ({ ...entry, name: gateway.name, currentFingerprint: fingerprints.get(gateway.presentedCertificateId ?? "") ?? null })),
    groups: row.groups.map(({ group }) => ({ id: group.id, name: group.name, agentCount: group._count.members })),
    requestProxy: readProxy(row.requestProxy), channelProxy: readProxy(row.channelProxy),
  };
}

function readProxy(stored: unknown): z.infer<typeof httpProxy> | null {
  return stored === null ? null : httpProxy.parse(stored);
}
