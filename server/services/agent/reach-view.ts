/** What the caller can reach on one agent, with commands that work as they stand, and what the path to it cannot do (S4-04, S4-05). */
import type { z } from "zod";
import { agentNameSuffix, siteLabel } from "../../../contract/reach.ts";
import type { agentReachView } from "../../../contract/reach-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { reachActorOf } from "../reach-session/actor.ts";
import { decideReach, type JudgedRule, lastApproval, type ReachActor, type ValidApproval } from "../reach-session/decide.ts";
import { sessionColumns, toSessionRows } from "../reach-session/list.ts";
import { insideGateways } from "../reach-session/open.ts";
import { approvalsOf, rulesForGroups } from "../reach-session/read-rules.ts";
import { resolveAgent } from "../reach-session/resolve.ts";
import { channelView } from "./channel-view.ts";
import { type InsideAddress, readyCommands } from "./reach-commands.ts";
import { readSiteMap, siteOf } from "./site-of.ts";

type View = z.infer<typeof agentReachView>;

const sessionsMax = 50;
const columns = { id: true, hostname: true, addresses: true, relayPath: true, channelProblem: true, awaitsApproval: true, revokedAt: true, isRelayValidationOff: true, groups: { select: { groupId: true } } } as const;

export async function agentReach(caller: Caller, input: { id: string }, now: Date = new Date()): Promise<View> {
  const { organisationId } = caller;
  const agent = await caller.db.agent.findFirst({ where: { id: input.id, organisationId }, select: columns });
  if (!agent) throw notFound("agent", input.id);
  const actor = reachActorOf(caller);
  const groupIds = agent.groups.map((group) => group.groupId);
  const [name, channel, rules, approvals, inside, sessions] = await Promise.all([
    reachName(caller, agent),
    channelView(caller, agent, now),
    rulesForGroups(caller.db, organisationId, groupIds),
    approvalsOf(caller.db, organisationId, { agentId: agent.id, actor }, now),
    insideGateways(caller),
    caller.db.reachSession.findMany({ where: { organisationId, agentId: agent.id, state: { in: ["granted", "open"] } }, select: sessionColumns, orderBy: [{ createdAt: "desc" }], take: sessionsMax }),
  ]);
  const services = servicesOf(rules, { name, actor, groupIds: new Set(groupIds), approvals, inside: inside[0] ?? null, now });
  return {
    name, channel, services, insideGateways: inside.map(({ name: gateway, host, port }) => ({ name: gateway, host, port })),
    openSessions: await toSessionRows(caller, sessions), limits: limitsOf({ agent, channel, hasServices: services.length > 0, hasInside: inside.length > 0 }),
  };
}

/** `HOSTNAME.SITE.agents` when that means this agent and no other; else by id. */
async function reachName(caller: Caller, agent: { id: string; hostname: string; addresses: string[]; relayPath: unknown }): Promise<string> {
  const byId = `${agent.id}.${agentNameSuffix}`;
  const hostname = agent.hostname.toLowerCase().split(".")[0] ?? "";
  const site = siteLabel(siteOf(await readSiteMap(caller.db, caller.organisationId), agent)?.name ?? "");
  if (hostname === "" || site === "") return byId;
  const name = `${hostname}.${site}.${agentNameSuffix}`;
  const resolved = await resolveAgent(caller.db, caller.organisationId, name);
  return resolved.kind === "agent" && resolved.agent.id === agent.id ? name : byId;
}

type Facts = { name: string; actor: ReachActor; groupIds: ReadonlySet<string>; approvals: readonly ValidApproval[]; inside: InsideAddress | null; now: Date };

/** One line for each port that some rule opens on this agent, whoever it lets in: people see what they may ask for. */
function servicesOf(rules: readonly JudgedRule[], facts: Facts): View["services"] {
  const ports = [...new Set(rules.flatMap((rule) => rule.services.map((service) => service.port)))].sort((a, b) => a - b);
  return ports.flatMap((port) => {
    const decision = decideReach(rules, { ...facts, port });
    const rule = decision.kind === "denied" ? rules.find((candidate) => candidate.services.some((service) => service.port === port)) : decision.rule;
    const service = decision.kind === "denied" ? rule?.services.find((candidate) => candidate.port === port) : decision.service;
    if (!rule || !service) return [];
    const approved = rule.approval === null ? undefined : lastApproval(facts.approvals, rule.id, service, facts.now);
    return [{
      ...service, rule: { id: rule.id, name: rule.name }, mayReach: decision.kind === "allowed", needsApproval: decision.kind === "approval-needed",
      approvedUntil: approved ? iso(approved) : null, commands: readyCommands(facts.name, service, facts.inside),
    }];
  });
}

/** Plain words for what stands in the way, and for what no relay can change. */
function limitsOf(facts: { agent: { revokedAt: Date | null; awaitsApproval: boolean; isRelayValidationOff: boolean }; channel: View["channel"]; hasServices: boolean; hasInside: boolean }): string[] {
  const { agent, channel } = facts;
  const [outermost] = channel.relayPath.toReversed();
  return [
    ...(agent.revokedAt === null ? [] : ["The agent is revoked: nobody reaches it."]),
    ...(agent.awaitsApproval ? ["The agent waits for approval: until then it has no channel, and no session is granted."] : []),
    ...(channel.state === "open" || agent.revokedAt !== null || agent.awaitsApproval ? [] : ["The agent holds no channel now. The console cannot open one towards it: the agent, or a relay it listens for, has to connect first."]),
    ...(channel.state !== "open" && outermost ? [`It was last seen behind relay "${outermost.name}". When the relay itself cannot be reached from the computer, or the relay reaches no gateway, no setting here can help; the network has to let one of them through.`] : []),
    ...(channel.state === "none" && !outermost ? ["A relay helps an agent that has no route of its own. It does not help when the computer cannot reach even the relay, nor when a cloud's own programming interface is out of reach: Sallyport reaches agents, not the platform that starts them."] : []),
    ...(agent.isRelayValidationOff ? ["The agent does not check the outer connection to its relay. What it sends is sealed to the console all the same; who carries it is not proven."] : []),
    ...(facts.hasInside ? [] : ["No connected gateway has an inside listener: sessions have nowhere to begin. Add one to a gateway."]),
    ...(facts.hasServices ? [] : ["No reach rule targets any of the agent's groups."]),
  ];
}
