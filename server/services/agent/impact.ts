/** What revoking or deleting an agent would cut off: the agent itself, its open tunnels, its channel and the sessions to it. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { liveChannelWhere } from "../channel/locate.ts";
import { impactOf } from "../object/confirm.ts";
import { agentStateColumns, agentStateOf } from "./state.ts";

export async function agentImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await agentWithImpact(caller.db, caller, input.id)).impact;
}

export async function agentWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; isRevoked: boolean; impact: Impact }> {
  const agent = await reader.agent.findFirst({ where: { id, organisationId: caller.organisationId }, select: { hostname: true, ...agentStateColumns } });
  if (!agent) throw notFound("agent", id);
  const tunnels = await reader.tunnel.count({ where: { organisationId: caller.organisationId, agentId: id, endedAt: null } });
  const sessions = await reader.reachSession.count({ where: { organisationId: caller.organisationId, agentId: id, state: { in: ["granted", "open"] } } });
  const channels = await reader.agentChannel.count({ where: { ...liveChannelWhere(caller.organisationId, new Date()), agentId: id } });
  const state = agentStateOf(agent);
  const isActive = state !== "revoked" && state !== "pending";
  const lines = [
    ...(isActive ? [`${agent.hostname} can reach no server any more, neither through a gateway nor directly`] : []),
    ...(tunnels > 0 ? [`${tunnels} open ${tunnels === 1 ? "tunnel ends" : "tunnels end"} within 2 seconds`] : []),
    ...(channels > 0 ? ["its agent channel ends, and nobody reaches it any more"] : []),
    ...(sessions > 0 ? [`${sessions} ${sessions === 1 ? "session of reverse access ends" : "sessions of reverse access end"}`] : []),
  ];
  return { name: agent.hostname, isRevoked: state === "revoked", impact: impactOf({ agentsAffected: isActive ? 1 : 0, lines, undo: "Make a token for this agent and enrol it again." }) };
}
