/** Makes a batch: one task per agent of the chosen groups and agents, all at once, given out a few at a time. */
import type { z } from "zod";
import type { taskBatchCreate } from "../../../contract/task-objects.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { writeInOrganisation } from "../object/write.ts";
import { auditOf, demandDeliverable } from "../task/order.ts";
import { demandScriptAllowed } from "../task/script-rule.ts";
import { settleBatch } from "./settle.ts";

type Input = z.infer<typeof taskBatchCreate>;

const agentsMax = 10_000;
/** Rows of one INSERT: PostgreSQL takes 65,535 parameters. */
const rowsPerInsert = 2_000;

/** Throws `not-found` for a group or agent, `input-invalid` when nobody is left, `task-not-allowed` when a script may not run on one of them. */
export async function createTaskBatch(caller: Caller, input: Input): Promise<{ id: string }> {
  demandDeliverable(input.order);
  return writeInOrganisation(caller, async (tx) => {
    await demandReferences(tx, caller, { kind: "agent group", ids: input.groupIds, path: "groupIds" });
    await demandReferences(tx, caller, { kind: "agent", ids: input.agentIds, path: "agentIds" });
    const agentIds = await resolveAgents(tx, caller, input);
    await demandScriptAllowed(tx, caller, agentIds, input.order);
    const { organisationId, actor } = caller;
    const made = { organisationId, kind: input.order.kind, order: input.order, createdAt: new Date(), createdById: actor.id, createdByName: actor.name };
    const batch = await tx.taskBatch.create({
      data: { ...made, name: input.name, groupIds: input.groupIds, concurrency: input.concurrency, haltAtFailurePercent: input.haltAtFailurePercent, expiresInMinutes: input.expiresInMinutes, total: agentIds.length },
      select: { id: true },
    });
    const expiresAt = new Date(made.createdAt.getTime() + input.expiresInMinutes * 60_000);
    for (let start = 0; start < agentIds.length; start += rowsPerInsert) {
      await tx.task.createMany({ data: agentIds.slice(start, start + rowsPerInsert).map((agentId) => ({ ...made, agentId, batchId: batch.id, expiresAt })) });
    }
    await recordAudit(tx, caller, { action: "task-batch.create", target: { kind: "task batch", id: batch.id, name: input.name }, changes: [...auditOf(input.order), { path: "agents", before: null, after: agentIds.length }, { path: "concurrency", before: null, after: input.concurrency }, { path: "haltAtFailurePercent", before: null, after: input.haltAtFailurePercent }] });
    await publishLive(tx, organisationId, { topic: "task", id: null });
    await settleBatch(tx, caller, batch.id);
    return { id: batch.id };
  });
}

/** Every agent once; revoked ones are left out. */
async function resolveAgents(tx: Tx, caller: Caller, input: Input): Promise<string[]> {
  const rows = await tx.agent.findMany({
    where: { organisationId: caller.organisationId, revokedAt: null, enrolledAt: { not: null }, OR: [{ id: { in: input.agentIds } }, { groups: { some: { groupId: { in: input.groupIds } } } }] },
    orderBy: [{ hostname: "asc" }, { id: "asc" }], select: { id: true }, take: agentsMax + 1,
  });
  if (rows.length === 0) throw new ConsoleError("input-invalid", "The groups have no agent that is enrolled and not revoked.", { fields: [{ path: "groupIds", message: "no agents" }] });
  if (rows.length > agentsMax) throw new ConsoleError("input-invalid", `The groups have more than ${agentsMax} agents; make several batches.`, { fields: [{ path: "groupIds", message: "too many agents" }] });
  return rows.map((row) => row.id);
}
