/** Makes an agent group; a dynamic one finds its members at once. */
import type { z } from "zod";
import type { agentGroupCreate } from "../../../contract/objects.ts";
import { Prisma } from "../../db.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { addMembers, applyOneGroupRule } from "./apply-group-rules.ts";

export async function createAgentGroup(caller: Caller, input: z.infer<typeof agentGroupCreate>): Promise<{ id: string }> {
  const { agentIds, rule, ...fields } = input;
  return withUniqueName("agent group", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandReferences(tx, caller, { kind: "agent", ids: agentIds, path: "agentIds" });
      const { id } = await tx.agentGroup.create({ data: { ...fields, nameKey: nameKey(input.name), rule: rule ?? Prisma.DbNull, organisationId: caller.organisationId }, select: { id: true } });
      if (rule) await applyOneGroupRule(tx, caller.organisationId, id);
      await addMembers(tx, agentIds.map((agentId) => ({ groupId: id, agentId })));
      await writeAgentAccess(tx, caller.organisationId, agentIds);
      await recordAudit(tx, caller, { action: "agent-group.create", target: { kind: "agentGroup", id, name: input.name }, changes: changesBetween({}, { ...fields, rule, members: agentIds.length }) });
      await publishLive(tx, caller.organisationId, { topic: "agentGroup", id });
      return { id };
    }),
  );
}
