/** What a rule asks for before it lets somebody in. */
import { z } from "zod";
import { role } from "../../../contract/roles.ts";

const stored = z.object({ roles: z.array(role).min(1), minutes: z.number().int().positive() });
export type RuleApproval = z.infer<typeof stored>;

/** The stored approval of a rule. One that cannot be read asks for an owner's: a rule that once asked for approval never stops by accident. */
export function ruleApproval(value: unknown): RuleApproval {
  const parsed = stored.safeParse(value);
  return parsed.success ? parsed.data : { roles: ["owner"], minutes: 60 };
}
