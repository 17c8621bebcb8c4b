/** How a reach rule is written and read; creation and change share it. Who may reach what is decided in reach-session/decide.ts. */
import type { z } from "zod";
import { reachService, reachWho, scriptPermission } from "../../../contract/reach.ts";
import type { reachRuleCreate } from "../../../contract/reach-objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey } from "../object/write.ts";
import { reviewSessions } from "../reach-session/review.ts";
import { ruleApproval, type RuleApproval } from "./approval.ts";

export type ReachRuleFields = z.infer<typeof reachRuleCreate>;

/** Groups, people and keys must be of this organisation; a port may stand once, because a caller names a service by its port. */
export async function demandRuleFits(tx: Tx, caller: Caller, input: ReachRuleFields): Promise<void> {
  const seen = new Set<number>();
  for (const [index, service] of input.services.entries()) {
    if (seen.has(service.port)) throw new ConsoleError("input-invalid", `Two services of the rule have port ${service.port}; callers name a service by its port, so make a second rule for the other host.`, { fields: [{ path: `services.${index}.port`, message: `${service.port} is used twice` }] });
    seen.add(service.port);
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

/** What the JSON columns of a rule hold; a column that cannot be read counts as empty, which lets nobody in. */
export function readRule(row: { services: unknown; who: unknown; approval: unknown; scripts: unknown }): { services: z.infer<typeof reachService>[]; who: z.infer<typeof reachWho>; approval: RuleApproval | null; scripts: z.infer<typeof scriptPermission> | null } {
  const services = reachService.array().safeParse(row.services);
  const who = reachWho.safeParse(row.who);
  const scripts = scriptPermission.safeParse(row.scripts);
  return {
    services: services.success ? services.data : [],
    who: who.success ? who.data : { roles: [], userIds: [], apiKeyIds: [] },
    approval: row.approval === null ? null : ruleApproval(row.approval),
    scripts: scripts.success ? scripts.data : null,
  };
}
