/** Changes an agent group: its name, its fixed members, or its rule, whose members are found anew in the same transaction. */
import type { z } from "zod";
import type { agentGroupUpdate } from "../../../contract/objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { demandUnchanged, nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { addMembers, applyOneGroupRule, removeMembers } from "./apply-group-rules.ts";

export async function updateAgentGroup(caller: Caller, input: z.infer<typeof agentGroupUpdate>): Promise<{ version: number }> {
  const { id, version, agentIds, rule, ...fields } = input;
  return withUniqueName("agent group", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await tx.agentGroup.findFirst({ where: { id, organisationId: caller.organisationId }, select: { name: true, kind: true, rule: true, note: true, _count: { select: { members: true } } } });
      if (!before) throw notFound("agent group", id);
      if (before.kind !== input.kind) throw new ConsoleError("input-invalid", "A group stays static or dynamic; make a new group and put it into the policies instead.", { fields: [{ path: "kind", message: `this group is ${before.kind}` }] });
      await demandReferences(tx, caller, { kind: "agent", ids: agentIds, path: "agentIds" });
      demandUnchanged("agent group", await tx.agentGroup.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...fields, rule: rule ?? Prisma.DbNull, nameKey: nameKey(input.name), version: { increment: 1 } } }));
      if (rule) await applyOneGroupRule(tx, caller.organisationId, id);
      else await setMembers(tx, caller.organisationId, id, agentIds);
      const { _count, ...comparable } = before;
      const members = await tx.agentGroupMember.count({ where: { groupId: id } });
      await recordAudit(tx, caller, { action: "agent-group.update", target: { kind: "agentGroup", id, name: input.name }, changes: changesBetween({ ...comparable, members: _count.members }, { ...fields, rule, members }) });
      await publishLive(tx, caller.organisationId, { topic: "agentGroup", id });
      return { version: version + 1 };
    }),
  );
}

async function setMembers(tx: Tx, organisationId: string, groupId: string, agentIds: readonly string[]): Promise<void> {
  const current = (await tx.agentGroupMember.findMany({ where: { groupId }, select: { agentId: true } })).map((member) => member.agentId);
  const wanted = new Set(agentIds);
  const known = new Set(current);
  const added = agentIds.filter((agentId) => !known.has(agentId));
  const removed = current.filter((agentId) => !wanted.has(agentId));
  await addMembers(tx, added.map((agentId) => ({ groupId, agentId })));
  await removeMembers(tx, removed.map((agentId) => ({ groupId, agentId })));
  await writeAgentAccess(tx, organisationId, [...added, ...removed]);
}
