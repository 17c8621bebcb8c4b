/** Changes what people decide about an agent: its note and its static groups. Dynamic groups it belongs to may be named and stay as they are. */
import type { z } from "zod";
import type { agentUpdate } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { changeMembers, demandStaticGroups } from "./set-groups.ts";

export async function updateAgent(caller: Caller, input: z.infer<typeof agentUpdate>): Promise<{ version: number }> {
  return writeInOrganisation(caller, async (tx) => {
    const agent = await tx.agent.findFirst({
      where: { id: input.id, organisationId: caller.organisationId },
      select: { hostname: true, note: true, version: true, groups: { select: { group: { select: { id: true, kind: true } } } } },
    });
    if (!agent) throw notFound("agent", input.id);
    const idsOf = (kind: "static" | "dynamic") => agent.groups.filter(({ group }) => group.kind === kind).map(({ group }) => group.id);
    const dynamic = new Set(idsOf("dynamic"));
    const before = idsOf("static");
    const after = input.groupIds.filter((groupId) => !dynamic.has(groupId));
    await demandStaticGroups(tx, caller, after, "groupIds");
    await tx.agent.updateMany({ where: { id: input.id, organisationId: caller.organisationId }, data: { note: input.note, version: { increment: 1 } } });
    await changeMembers(tx, caller.organisationId, [input.id], { add: after.filter((id) => !before.includes(id)), remove: before.filter((id) => !after.includes(id)) });
    await recordAudit(tx, caller, { action: "agent.update", target: { kind: "agent", id: input.id, name: agent.hostname }, changes: changesBetween({ note: agent.note, groupIds: [...before].sort() }, { note: input.note, groupIds: [...after].sort() }) });
    await publishLive(tx, caller.organisationId, { topic: "agent", id: input.id });
    return { version: agent.version + 1 };
  });
}
