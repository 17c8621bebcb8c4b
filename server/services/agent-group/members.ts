/** Members of one group, in pages. */
import type { z } from "zod";
import type { groupMemberRows, groupMembers } from "../../../contract/procedures.ts";
import { notFound } from "../../errors.ts";
import { findAgentIds } from "../agent/list.ts";
import { agentStateOf, agentStateColumns } from "../agent/state.ts";
import type { Caller } from "../caller.ts";
import { inOrderOf, isoOrNull } from "../object/list.ts";

export async function listGroupMembers(caller: Caller, input: z.infer<typeof groupMembers>): Promise<z.infer<typeof groupMemberRows>> {
  const { id, ...page } = input;
  const group = await caller.db.agentGroup.findFirst({ where: { id, organisationId: caller.organisationId }, select: { id: true } });
  if (!group) throw notFound("agent group", id);
  const { ids, total } = await findAgentIds(caller, { ...page, groupId: id });
  const rows = await caller.db.agent.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: { id: true, hostname: true, platform: true, ...agentStateColumns } });
  return { total, rows: inOrderOf(ids, rows).map((row) => ({ id: row.id, hostname: row.hostname, platform: row.platform, state: agentStateOf(row), lastSeenAt: isoOrNull(row.lastSeenAt) })) };
}
