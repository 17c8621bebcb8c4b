/** Policies: a few for many groups, most for one; every seventh switched off. */
import { numbered, type Seed, towns } from "./seed.ts";
import type { SeededGateway } from "./gateways.ts";

export async function seedPolicies({ db, organisationId, rows, random }: Seed, objects: { gateways: readonly SeededGateway[]; groupIds: readonly string[] }): Promise<void> {
  const { gateways, groupIds } = objects;
  const policies = Array.from({ length: rows }, (_unused, index) => {
    const name = numbered(index === 0 ? "Everybody outside" : `${towns[index % towns.length]} field staff`, index, rows);
    return { id: random.uuid(), organisationId, name, nameKey: name.toLowerCase(), isEnabled: index % 7 !== 6 };
  });
  await db.policy.createMany({ data: policies });
  await db.policyGateway.createMany({
    data: policies.flatMap((policy, index) => [gateways[index % gateways.length], gateways[(index + 1) % gateways.length]].flatMap((gateway, ordinal) => (gateway && (ordinal === 0 || gateways.length > 1) ? [{ policyId: policy.id, gatewayId: gateway.id, ordinal, fqdn: gateway.fqdn, port: 443, pins: [gateway.fingerprint] }] : []))),
  });
  await db.policyGroup.createMany({ data: policies.flatMap((policy, index) => { const groupId = groupIds[index % groupIds.length]; return groupId ? [{ policyId: policy.id, groupId }] : []; }) });
}
