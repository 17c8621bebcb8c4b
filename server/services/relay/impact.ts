/** What deregistering a relay would cut off: the agents that come through it now (X4-07). */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { endpointsOf } from "./for-gateways.ts";
import { agentsThrough } from "./through.ts";

export async function relayImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await relayWithImpact(caller.db, caller, input.id)).impact;
}

export async function relayWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const { organisationId } = caller;
  const relay = await reader.relay.findFirst({ where: { id, organisationId }, select: { name: true, listeningAgents: true, further: { select: { name: true }, orderBy: { nameKey: "asc" } }, gateways: { select: { gateway: { select: { name: true } } }, orderBy: { ordinal: "asc" } } } });
  if (!relay) throw notFound("relay", id);
  const agents = (await agentsThrough(reader, organisationId)).get(id) ?? 0;
  const listening = endpointsOf(relay.listeningAgents).length;
  const lines = [
    ...(agents > 0 ? [`${agents} ${agents === 1 ? "agent comes" : "agents come"} through it now, and ${agents === 1 ? "is" : "are"} cut off unless another way is open to ${agents === 1 ? "it" : "them"}`] : []),
    ...(listening > 0 ? [`${listening} listening ${listening === 1 ? "agent is" : "agents are"} not dialled any more`] : []),
    ...relay.gateways.map(({ gateway }) => `gateway "${gateway.name}" ends its sessions with it`),
  ];
  const blockers = relay.further.map((outer) => `relay "${outer.name}" stands behind it; change or deregister that one first`);
  return { name: relay.name, impact: impactOf({ agentsAffected: agents, lines: someLines(lines), blockers: someLines(blockers), undo: "Register it again with the same id, and confirm its certificate again.", alwaysConfirm: true }) };
}
