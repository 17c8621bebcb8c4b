/** Reads the JSON columns of a reach rule. */
import type { z } from "zod";
import { reachService, reachWho, scriptPermission } from "../../../contract/reach.ts";
import { ruleApproval, type RuleApproval } from "./approval.ts";

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
