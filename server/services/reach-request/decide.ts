/** Approves or denies a request. Who may: the roles that the rule names; never the one who asked. */
import { z } from "zod";
import type { reachRequestDecide } from "../../../contract/reach-objects.ts";
import { mayDo } from "../../../contract/roles.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { ruleApproval } from "../reach-rule/approval.ts";

export async function decideReachRequest(caller: Caller, input: z.infer<typeof reachRequestDecide>, now: Date = new Date()): Promise<{ id: string }> {
  const { organisationId } = caller;
  return writeInOrganisation(caller, async (tx) => {
    const request = await tx.reachRequest.findFirst({ where: { id: input.id, organisationId }, select: { actorKind: true, actorId: true, actorName: true, isApproved: true, expiresAt: true, decidedByName: true, agentId: true, service: true, agent: { select: { hostname: true } }, rule: { select: { name: true, approval: true } } } });
    if (!request) throw notFound("request", input.id);
    const approval = request.rule.approval === null ? null : ruleApproval(request.rule.approval);
    if (!mayDecide(caller, request, approval?.roles ?? [])) {
      const who = isOwn(caller, request) ? "Nobody decides a request of their own" : `Rule "${request.rule.name}" lets ${(approval?.roles ?? []).join(", ") || "nobody"} decide, and your role is ${caller.role}`;
      throw new ConsoleError("not-allowed", `${who}; ask somebody else with one of these roles: ${(approval?.roles ?? []).join(", ") || "none"}.`);
    }
    if (await isOneHand(tx, caller, request)) throw new ConsoleError("not-allowed", "Nobody decides a request of their own, not with an API key that they made nor for one; ask somebody else.");
    if (request.isApproved !== null) throw new ConsoleError("changed-meanwhile", `${request.decidedByName ?? "Somebody"} has decided this request already.`);
    if (request.expiresAt <= now || approval === null) throw new ConsoleError("changed-meanwhile", approval === null ? "The rule asks for no approval any more." : "The request is over; it has to be made again.");
    const expiresAt = input.isApproved ? new Date(now.getTime() + approval.minutes * 60_000) : request.expiresAt;
    await tx.reachRequest.updateMany({ where: { id: input.id, organisationId, isApproved: null }, data: { isApproved: input.isApproved, decidedById: caller.actor.id, decidedByName: caller.actor.name, decidedAt: now, decisionNote: input.note, expiresAt } });
    await recordAudit(tx, caller, {
      action: input.isApproved ? "reach-request.approve" : "reach-request.deny", target: { kind: "agent", id: request.agentId, name: request.agent.hostname },
      changes: [{ path: "request", before: null, after: input.id }, { path: "of", before: null, after: `${request.actorName} (${request.actorKind}:${request.actorId})` }, { path: "service", before: null, after: request.service }, ...(input.isApproved ? [{ path: "until", before: null, after: expiresAt.toISOString() }] : []), { path: "note", before: null, after: input.note }],
    });
    await publishLive(tx, organisationId, { topic: "reachRequest", id: input.id });
    return { id: input.id };
  });
}

type Asked = { actorKind: string; actorId: string };

function isOwn(caller: Caller, request: Asked): boolean {
  return request.actorKind === caller.actor.kind && request.actorId === caller.actor.id;
}

/** A person and the API keys that this person made are one hand, and so are the keys that those made: two of them are not two people. */
async function isOneHand(tx: Tx, caller: Caller, request: Asked): Promise<boolean> {
  const { organisationId, actor } = caller;
  const decider = await handOf(tx, organisationId, actor);
  return decider !== null && decider === (await handOf(tx, organisationId, { kind: request.actorKind, id: request.actorId }));
}

/** Makers of makers that are followed; a longer chain ends at the key that it came to. */
const makersMax = 20;

/** The person (or whatever else is no key) behind an actor; null when that is not on record. */
async function handOf(tx: Tx, organisationId: string, actor: { kind: string; id: string | null }): Promise<string | null> {
  if (actor.kind !== "api-key") return actor.id;
  let hand = actor.id;
  for (let step = 0; step < makersMax && hand !== null && z.uuid().safeParse(hand).success; step++) {
    const key: { createdById: string | null } | null = await tx.apiKey.findFirst({ where: { organisationId, id: hand }, select: { createdById: true } });
    if (!key) break;
    hand = key.createdById;
  }
  return hand;
}

/** A person or key with one of these roles, other than the one who asked. An auditor decides nothing, whatever a rule says. */
export function mayDecide(caller: Caller, request: Asked, roles: readonly string[]): boolean {
  return (caller.actor.kind === "user" || caller.actor.kind === "api-key") && mayDo(caller.role, "operate") && roles.includes(caller.role) && !isOwn(caller, request);
}
