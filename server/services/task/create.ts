/** Makes a task for one agent: it is told now when it holds a channel, and takes the task when it next appears otherwise. */
import type { z } from "zod";
import type { taskCreate, taskCreateReply } from "../../../contract/task-objects.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishKnock, publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { auditOf, demandDeliverable } from "./order.ts";
import { demandScriptAllowed } from "./script-rule.ts";

/** Tasks of one agent that have not ended; beyond it something is wrong that another task does not cure. */
const openMax = 200;

/** Throws `agent-keys-missing`, `task-not-allowed` or `input-invalid`. */
export async function createTask(caller: Caller, input: z.infer<typeof taskCreate>): Promise<z.infer<typeof taskCreateReply>> {
  demandDeliverable(input.order);
  return writeInOrganisation(caller, async (tx) => {
    const agent = await tx.agent.findFirst({ where: { id: input.agentId, organisationId: caller.organisationId }, select: { id: true, hostname: true, revokedAt: true, sealedToken: true } });
    if (!agent) throw notFound("agent", input.agentId);
    if (agent.revokedAt !== null) throw new ConsoleError("in-use", `The agent ${agent.hostname} is revoked; it takes no tasks.`);
    if (agent.sealedToken === null) throw new ConsoleError("agent-keys-missing", `The agent ${agent.hostname} has not delivered its encryption key yet; it does so with its first report, if its program knows tasks.`);
    await demandScriptAllowed(tx, caller, [agent.id], input.order);
    await demandModestNumber(tx, agent);
    const createdAt = new Date();
    const task = await tx.task.create({
      data: { organisationId: caller.organisationId, agentId: agent.id, kind: input.order.kind, order: input.order, createdAt, expiresAt: new Date(createdAt.getTime() + input.expiresInMinutes * 60_000), createdById: caller.actor.id, createdByName: caller.actor.name },
      select: { id: true },
    });
    await recordAudit(tx, caller, { action: "task.create", target: { kind: "task", id: task.id, name: agent.hostname }, changes: auditOf(input.order) });
    await publishLive(tx, caller.organisationId, { topic: "task", id: task.id });
    await publishKnock(tx, caller.organisationId, [agent.id]);
    return { id: task.id, isAgentTold: await hasChannel(tx, agent.id, createdAt) };
  });
}

async function demandModestNumber(tx: Tx, agent: { id: string; hostname: string }): Promise<void> {
  const open = await tx.task.count({ where: { agentId: agent.id, state: { in: ["waiting", "sent", "running"] } } });
  if (open >= openMax) throw new ConsoleError("rate-limited", `${open} tasks of the agent ${agent.hostname} have not ended; cancel some, or wait.`);
}

async function hasChannel(tx: Tx, agentId: string, now: Date): Promise<boolean> {
  return (await tx.agentChannel.count({ where: { agentId, endedAt: null, aliveUntil: { gt: now } } })) > 0;
}
