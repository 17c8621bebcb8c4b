/** How a reach rule is written; creation and change share it. Who may reach what is decided in reach-session/decide.ts. */
import type { z } from "zod";
import type { reachRuleCreate } from "../../../contract/reach-objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey } from "../object/write.ts";
import { reviewSessions } from "../reach-session/review.ts";

export type ReachRuleFields = z.infer<typeof reachRuleCreate>;

/** Groups, people and keys must be of this organisation; a port may stand once, because a caller names a service by its port. */
export async function demandRuleFits(tx: Tx, caller: Caller, input: ReachRuleFields): Promise<void> {
  const seen = new Set<number>();
  for (const [index, service] of input.services.entries()) {
    if (seen.has(service.port)) throw new ConsoleError("input-invalid", `Two services of the rule have port ${service.port}; callers name a service by its port, so make a second rule for the other host.`, { fields: [{ path: `services.${index}.port`, message: `${service.port} is used twice` }] });
    seen.add(service.port);
  }
  if (input.approval !== null && input.scripts !== null && input.services.length === 0) {
    throw new ConsoleError("input-invalid", "An approval is asked for by service; a rule with approval that allows scripts needs a service too, or leave the approval out.", { fields: [{ path: "services", message: "add a service, or leave the approval out" }] });
  }
  await demandReferences(tx, caller, { kind: "agent group", ids: input.groupIds, path: "groupIds" });
  await demandReferences(tx, caller, { kind: "person", ids: input.who.userIds, path: "who.userIds" });
  await demandReferences(tx, caller, { kind: "API key", ids: input.who.apiKeyIds, path: "who.apiKeyIds" });
}

/** The rule's own columns as Prisma takes them. */
export function ruleData(input: ReachRuleFields) {
  return {
    name: input.name, nameKey: nameKey(input.name), isEnabled: input.isEnabled, note: input.note, sessionMinutes: input.sessionMinutes,
    services: input.services, who: input.who, approval: input.approval ?? Prisma.DbNull, scripts: input.scripts ?? Prisma.DbNull,
  };
}

/** Replaces the target groups. */
export async function writeRuleGroups(tx: Tx, ruleId: string, groupIds: readonly string[]): Promise<void> {
  await tx.reachRuleGroup.deleteMany({ where: { ruleId, groupId: { notIn: [...groupIds] } } });
  await tx.reachRuleGroup.createMany({ data: groupIds.map((groupId) => ({ ruleId, groupId })), skipDuplicates: true });
}

/** Agents fetch their list again; sessions that no rule allows any more end. */
export async function publishRuleChange(tx: Tx, caller: Caller, id: string): Promise<void> {
  await bumpPolicyRevision(tx, caller.organisationId);
  await reviewSessions(tx, caller, { ruleId: id }, "its reach rule was changed");
  await publishLive(tx, caller.organisationId, { topic: "reachRule", id });
}
