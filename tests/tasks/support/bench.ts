/** An installation's agent site with agents and tasks. Import it first in a test file. */
import "../../support/with-database.ts";
import type { z } from "zod";
import type { TaskOrder, TaskState } from "../../../contract/command.ts";
import type { taskDetail } from "../../../contract/task-objects.ts";
import { db } from "../../../server/db.ts";
import type { Caller } from "../../../server/services/caller.ts";
import { createTask } from "../../../server/services/task/create.ts";
import { getTask } from "../../../server/services/task/get.ts";
import { until } from "../../support/sockets.ts";
import type { TestSite } from "../../agent/support/site.ts";

export type TaskDetail = z.infer<typeof taskDetail>;

/** Somebody of the console with this role. */
export function operator(site: Pick<TestSite, "caller">, role: Caller["role"] = "operator"): Caller {
  return { ...site.caller, actor: { kind: "user", id: `user-${role}`, name: `Test ${role}` }, role };
}

export async function order(caller: Caller, agentId: string, wanted: TaskOrder, expiresInMinutes = 60): Promise<string> {
  return (await createTask(caller, { agentId, order: wanted, expiresInMinutes })).id;
}

/** Waits until the task is in one of these states. */
export async function taskReaches(caller: Caller, id: string, states: readonly TaskState[], timeoutMs = 60_000): Promise<TaskDetail> {
  let task = await getTask(caller, { id });
  await until(async () => {
    task = await getTask(caller, { id });
    return states.includes(task.state);
  }, `task ${task.kind} reaches ${states.join(" or ")}`, timeoutMs).catch((error: unknown) => {
    throw new Error(`${String(error)}: it is ${JSON.stringify(task)}`);
  });
  return task;
}

/** Agents report every half minute; tests are not that patient. */
export async function hasKeys(agentId: string): Promise<void> {
  await until(async () => (await db().agent.findUniqueOrThrow({ where: { id: agentId }, select: { sealedToken: true } })).sealedToken !== null, "the agent delivered its keys", 60_000);
}

export async function newGroup(organisationId: string): Promise<string> {
  const name = `Group ${Math.random()}`;
  return (await db().agentGroup.create({ data: { organisationId, name, nameKey: name, kind: "static" }, select: { id: true } })).id;
}

/** Lets operators run scripts on the agents of this group. */
export async function allowScripts(organisationId: string, groupId: string, scripts: { users: string[]; timeoutMaxSeconds: number; outputMaxBytes: number }): Promise<void> {
  const name = `Scripts ${Math.random()}`;
  await db().reachRule.create({ data: { organisationId, name, nameKey: name, services: [], who: { roles: ["operator"], userIds: [], apiKeyIds: [] }, scripts, groups: { create: [{ groupId }] } } });
  await db().organisation.update({ where: { id: organisationId }, data: { policyRevision: { increment: 1 } } });
}
