/** Asks for approval to reach a service. It stays open for a day; who may decide is told live. */
import type { z } from "zod";
import type { reachRequestCreate } from "../../../contract/reach-objects.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { reachActorOf } from "../reach-session/actor.ts";
import { decideReach } from "../reach-session/decide.ts";
import { approvalsOf, rulesForGroups } from "../reach-session/read-rules.ts";
import { resolveAgent } from "../reach-session/resolve.ts";

/** Undecided, a request is over after this time, milliseconds. */
const openForMs = 24 * 3_600_000;
/** Open requests of one caller at once. */
const openMax = 20;

/** Asking again for the same while it is open answers with the request that is there. Throws `agent-name-unclear`, `reach-not-allowed`, `input-invalid` when no approval is needed, `rate-limited`. */
export async function createReachRequest(caller: Caller, input: z.infer<typeof reachRequestCreate>, now: Date = new Date()): Promise<{ id: string }> {
  const { organisationId } = caller;
  const actor = reachActorOf(caller);
  return writeInOrganisation(caller, async (tx) => {
    const resolved = await resolveAgent(tx, organisationId, input.agent);
    if (resolved.kind === "refused") throw new ConsoleError("agent-name-unclear", resolved.detail, { fields: [{ path: "agent", message: resolved.detail }] });
    const { agent } = resolved;
    const approvals = await approvalsOf(tx, organisationId, { agentId: agent.id, actor }, now);
    const decision = decideReach(await rulesForGroups(tx, organisationId, [...agent.groupIds]), { actor, groupIds: agent.groupIds, port: input.port, approvals, now });
    if (decision.kind === "denied") throw new ConsoleError("reach-not-allowed", `No reach rule lets you reach port ${input.port} of ${agent.hostname}, with or without approval.`);
    if (decision.kind === "allowed") throw new ConsoleError("input-invalid", `You may reach ${decision.service.name} of ${agent.hostname} already; no approval is needed.`, { fields: [{ path: "port", message: "no approval is needed" }] });
    const mine = await tx.reachRequest.findMany({ where: { organisationId, actorKind: actor.kind, actorId: actor.id, isApproved: null, expiresAt: { gt: now } }, select: { id: true, agentId: true, ruleId: true, service: true } });
    const same = mine.find((request) => request.agentId === agent.id && request.ruleId === decision.rule.id && portOf(request.service) === input.port);
    if (same) return { id: same.id };
    if (mine.length >= openMax) throw new ConsoleError("rate-limited", `${openMax} of your requests are open already; wait until some are decided.`);
    const { id } = await tx.reachRequest.create({
      data: { organisationId, agentId: agent.id, ruleId: decision.rule.id, service: decision.service, reason: input.reason, actorKind: actor.kind, actorId: actor.id, actorName: actor.name, createdAt: now, expiresAt: new Date(now.getTime() + openForMs) },
      select: { id: true },
    });
    await recordAudit(tx, caller, { action: "reach-request.create", target: { kind: "agent", id: agent.id, name: agent.hostname }, changes: [{ path: "service", before: null, after: decision.service }, { path: "rule", before: null, after: decision.rule.name }, { path: "reason", before: null, after: input.reason }] });
    await publishLive(tx, organisationId, { topic: "reachRequest", id });
    return { id };
  });
}

function portOf(service: unknown): number | null {
  return typeof service === "object" && service !== null && "port" in service && typeof service.port === "number" ? service.port : null;
}
