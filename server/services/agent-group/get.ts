/** One agent group with its rule and the policies that target it. */
import type { z } from "zod";
import { type agentGroupDetail, groupRule } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { groupColumns, toGroupRow } from "./list.ts";

const detailColumns = { ...groupColumns, rule: true, note: true, version: true, updatedAt: true, policies: { select: { policy: { select: { id: true, name: true } } }, orderBy: { policy: { nameKey: "asc" } } } } as const;

export async function getAgentGroup(caller: Caller, input: { id: string }): Promise<z.infer<typeof agentGroupDetail>> {
  const row = await caller.db.agentGroup.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: detailColumns });
  if (!row) throw notFound("agent group", input.id);
  const rule = row.rule === null ? null : groupRule.parse(row.rule);
  return { ...toGroupRow(row), rule, policies: row.policies.map(({ policy }) => policy), note: row.note, version: row.version, updatedAt: iso(row.updatedAt) };
}
