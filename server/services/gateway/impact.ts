/** What deleting a gateway would cut off. Refused while policies name it. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { agentsCutOff } from "../policy/coverage.ts";

export async function gatewayImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await gatewayWithImpact(caller.db, caller, input.id)).impact;
}

export async function gatewayWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const gateway = await reader.gateway.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, enrolledAt: true, services: { where: { service: { isEnabled: true } }, select: { service: { select: { name: true } } }, orderBy: { service: { nameKey: "asc" } } }, policies: { select: { policy: { select: { name: true } } }, distinct: ["policyId"], orderBy: { policyId: "asc" } } },
  });
  if (!gateway) throw notFound("gateway", id);
  const tunnels = await reader.tunnel.count({ where: { organisationId: caller.organisationId, gatewayId: id, endedAt: null } });
  const blockers = gateway.policies.map(({ policy }) => `policy "${policy.name}" uses it; take the gateway out of the policy first`);
  const lines = [
    ...someLines(gateway.services.map(({ service }) => `virtual service "${service.name}" is no longer served by it`), 10),
    ...(gateway.enrolledAt ? ["the installed gateway loses its identity; it cannot reconnect without a new package"] : []),
    ...(tunnels > 0 ? [`${tunnels} open ${tunnels === 1 ? "tunnel" : "tunnels"} through it are no longer supervised`] : []),
  ];
  const agentsAffected = await agentsCutOff(reader, caller.organisationId, { gatewayIds: [id] });
  return { name: gateway.name, impact: impactOf({ agentsAffected, lines, blockers: someLines(blockers), alwaysConfirm: gateway.services.length > 0, undo: "It cannot be undone: make a new gateway and install its package; its pin will differ." }) };
}
