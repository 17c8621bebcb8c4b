/** Which agents a rule would match now, before it is saved; the same evaluator that fills the group. */
import type { z } from "zod";
import type { agentGroupPreview, agentGroupPreviewReply } from "../../../contract/objects.ts";
import type { Caller } from "../caller.ts";
import { compileRule, ruleSubjectColumns } from "./rule.ts";

const sampleMax = 20;

export async function previewAgentGroup(caller: Caller, input: z.infer<typeof agentGroupPreview>): Promise<z.infer<typeof agentGroupPreviewReply>> {
  const matches = compileRule(input.rule);
  const agents = await caller.db.agent.findMany({ where: { organisationId: caller.organisationId }, select: { id: true, ...ruleSubjectColumns }, orderBy: [{ hostname: "asc" }, { id: "asc" }] });
  const found = agents.filter(matches);
  return { count: found.length, sample: found.slice(0, sampleMax).map(({ id, hostname }) => ({ id, name: hostname })) };
}
