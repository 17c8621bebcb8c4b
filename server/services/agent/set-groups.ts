/** Puts agents into static groups and takes them out of others. Dynamic groups fill themselves. */
import type { z } from "zod";
import type { agentSetGroups } from "../../../contract/procedures.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { addMembers, removeMembers } from "../agent-group/apply-group-rules.ts";
import { recordAudits } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { writeInOrganisation } from "../object/write.ts";
import { publishAgents } from "./publish-agents.ts";

/** Returns how many agents belong to other groups than before. */
export async function setAgentGroups(caller: Caller, input: z.infer<typeof agentSetGroups>): Promise<{ count: number }> {
  const both = input.add.find((groupId) => input.remove.includes(groupId));
  if (both) throw new ConsoleError("input-invalid", `Group ${both} is both to be added and to be removed; choose one.`, { fields: [{ path: "remove", message: "a group cannot be added and removed at once" }] });
  return writeInOrganisation(caller, async (tx) => {
    await demandReferences(tx, caller, { kind: "agent", ids: input.ids, path: "ids" });
    await demandStaticGroups(tx, caller, input.add, "add");
    await demandStaticGroups(tx, caller, input.remove, "remove");
    const changed = await changeMembers(tx, caller.organisationId, input.ids, input);
    if (changed.length === 0) return { count: 0 };
    const agents = await tx.agent.findMany({ where: { organisationId: caller.organisationId, id: { in: changed } }, select: { id: true, hostname: true } });
    await recordAudits(tx, caller, agents.map((agent) => ({ action: "agent.set-groups", target: { kind: "agent", id: agent.id, name: agent.hostname }, changes: [{ path: "groupIds", before: input.remove, after: input.add }] })));
    await publishAgents(tx, caller.organisationId, changed);
    return { count: changed.length };
  });
}

/** Changes memberships, writes access entries of the agents that changed and returns their ids. */
export async function changeMembers(tx: Tx, organisationId: string, agentIds: readonly string[], groups: { add: readonly string[]; remove: readonly string[] }): Promise<string[]> {
  const current = await tx.agentGroupMember.findMany({ where: { agentId: { in: [...agentIds] }, groupId: { in: [...groups.add, ...groups.remove] } }, select: { groupId: true, agentId: true } });
  const isMember = new Set(current.map((member) => `${member.groupId} ${member.agentId}`));
  const pairs = (groupIds: readonly string[]) => groupIds.flatMap((groupId) => agentIds.map((agentId) => ({ groupId, agentId })));
  const added = pairs(groups.add).filter((member) => !isMember.has(`${member.groupId} ${member.agentId}`));
  const removed = pairs(groups.remove).filter((member) => isMember.has(`${member.groupId} ${member.agentId}`));
  await addMembers(tx, added);
  await removeMembers(tx, removed);
  const changed = [...new Set([...added, ...removed].map((member) => member.agentId))];
  await writeAgentAccess(tx, organisationId, changed);
  for (const groupId of new Set([...added, ...removed].map((member) => member.groupId))) await publishLive(tx, organisationId, { topic: "agentGroup", id: groupId });
  return changed;
}

/** Refuses groups of other organisations, and dynamic ones, whose members follow their rule. */
export async function demandStaticGroups(tx: Tx, caller: Caller, groupIds: readonly string[], path: string): Promise<void> {
  await demandReferences(tx, caller, { kind: "agent group", ids: groupIds, path });
  const dynamic = await tx.agentGroup.findFirst({ where: { organisationId: caller.organisationId, id: { in: [...groupIds] }, kind: "dynamic" }, select: { name: true } });
  if (dynamic) throw new ConsoleError("input-invalid", `Group "${dynamic.name}" is dynamic: its members follow its rule. Change the rule, or choose a static group.`, { fields: [{ path, message: `"${dynamic.name}" is dynamic` }] });
}
