/** Opens a session for the caller: a grant, and the inside listeners to take it to, the one that holds the agent's channel first. */
import type { z } from "zod";
import type { reachOpen, reachOpenReply } from "../../../contract/reach-objects.ts";
import { agentNameSuffix } from "../../../contract/reach.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { type LiveChannel, liveChannels } from "../channel/locate.ts";
import { gatewayStateColumns, gatewayStateOf } from "../gateway/state.ts";
import { iso } from "../object/list.ts";
import { reachActorOf } from "./actor.ts";
import { type GrantAnswer, grantReach } from "./grant.ts";

type Reply = z.infer<typeof reachOpenReply>;

/** Throws `agent-name-unclear`, `reach-not-allowed`, `reach-approval-needed`, `inside-listener-missing` or `agent-away`. */
export async function openReachSession(caller: Caller, input: z.infer<typeof reachOpen>): Promise<Reply> {
  const inside = await insideGateways(caller);
  let channels: LiveChannel[] = [];
  const demandUsable = async (agent: { id: string; name: string }) => {
    if (inside.length === 0) throw new ConsoleError("inside-listener-missing", "No gateway with an inside listener is connected; give a gateway one on its page, and have it reachable from here.");
    channels = await liveChannels(caller.db, caller.organisationId, agent.id);
    if (channels.length === 0) throw new ConsoleError("agent-away", `${agent.name} has no channel to any gateway now; its page says when it was last seen and what its last attempts met.`);
  };
  const answer = await grantReach(caller, { actor: reachActorOf(caller), name: input.agent, port: input.port, gatewayId: null, demandUsable });
  if (answer.kind === "refused") throw refusalError(answer);
  const holders = new Set(channels.map((channel) => channel.gatewayId));
  const gateways = inside.map((gateway) => ({ ...gateway, holdsChannel: holders.has(gateway.gatewayId) })).sort((a, b) => Number(b.holdsChannel) - Number(a.holdsChannel));
  const { caPem } = await trustAnchors(caller.db, caller.organisationId);
  return { sessionId: answer.sessionId, agent: answer.agent, target: `${answer.agent.id}.${agentNameSuffix}:${input.port}`, grant: answer.grant, until: iso(answer.until), gateways, caPem };
}

/** Connected gateways that have an inside listener, as people and tools reach them. */
export async function insideGateways(caller: Caller): Promise<Omit<Reply["gateways"][number], "holdsChannel">[]> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, insideAddress: { not: null } }, select: { id: true, name: true, insideNames: true, insidePort: true, ...gatewayStateColumns }, orderBy: [{ nameKey: "asc" }] });
  return rows.flatMap((row) => {
    const state = gatewayStateOf(row);
    const [host] = row.insideNames;
    return host === undefined || state === "waiting" || state === "disconnected" ? [] : [{ gatewayId: row.id, name: row.name, host, port: row.insidePort }];
  });
}

function refusalError(answer: Extract<GrantAnswer, { kind: "refused" }>): ConsoleError {
  if (answer.code === "reach-denied") return new ConsoleError("reach-not-allowed", answer.detail);
  if (answer.code === "reach-approval") return new ConsoleError("reach-approval-needed", `${answer.detail} Request one on the agent's page or with sallyport reach-request create.`);
  if (answer.code === "reach-credential") return new ConsoleError("not-allowed", answer.detail);
  return new ConsoleError("agent-name-unclear", answer.detail);
}
