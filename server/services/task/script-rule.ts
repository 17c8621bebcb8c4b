/** Scripts are off unless a reach rule carries them: the rule targets the agent, lets this caller in, and allows the user and the limits (the agent checks again). */
import type { TaskOrder } from "../../../contract/command.ts";
import type { ScriptPermission } from "../../../contract/reach.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { scriptPermissionFor } from "../reach-rule/script-permission.ts";

/** Throws `task-not-allowed` for the first agent on which this caller may not run it. */
export async function demandScriptAllowed(tx: Tx, caller: Caller, agentIds: readonly string[], order: TaskOrder): Promise<void> {
  if (order.kind !== "run-script") return;
  for (const agentId of agentIds) {
    const permissions = await scriptPermissionFor(tx, caller, agentId);
    if (permissions.some((permission) => isCovered(order, permission))) continue;
    const agent = await tx.agent.findFirst({ where: { id: agentId, organisationId: caller.organisationId }, select: { hostname: true } });
    throw new ConsoleError("task-not-allowed", `${reason(order, permissions)} (agent ${agent?.hostname ?? agentId})`);
  }
}

function isCovered(order: Extract<TaskOrder, { kind: "run-script" }>, permission: ScriptPermission): boolean {
  return permission.users.includes(order.user) && order.timeoutSeconds <= permission.timeoutMaxSeconds && order.outputMaxBytes <= permission.outputMaxBytes;
}

function reason(order: Extract<TaskOrder, { kind: "run-script" }>, permissions: readonly ScriptPermission[]): string {
  if (permissions.length === 0) return "No reach rule lets you run scripts on this agent; an administrator can add one.";
  const users = [...new Set(permissions.flatMap((permission) => permission.users))];
  if (!users.includes(order.user)) return `The reach rules allow scripts as ${users.join(", ")}, not as ${order.user}.`;
  return `The reach rules allow scripts of at most ${Math.max(...permissions.map((permission) => permission.timeoutMaxSeconds))} seconds and ${Math.max(...permissions.map((permission) => permission.outputMaxBytes))} bytes of output.`;
}
