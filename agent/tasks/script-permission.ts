/** The agent's own word on scripts: nothing runs that its policy does not allow, whoever signed the command. */
import type { TaskOrder } from "../../contract/command.ts";
import type { ScriptPermission } from "../../contract/reach.ts";

type ScriptOrder = Extract<TaskOrder, { kind: "run-script" }>;

/** Why the script may not run; null when one permission covers all of it. */
export function scriptProblem(order: ScriptOrder, permissions: readonly ScriptPermission[]): string | null {
  if (permissions.length === 0) return "This agent's policy allows no scripts.";
  const forUser = permissions.filter((permission) => permission.users.includes(order.user));
  if (forUser.length === 0) return `This agent's policy allows no scripts as ${order.user}.`;
  if (forUser.some((permission) => order.timeoutSeconds <= permission.timeoutMaxSeconds && order.outputMaxBytes <= permission.outputMaxBytes)) return null;
  return `This agent's policy allows scripts as ${order.user} of at most ${Math.max(...forUser.map((permission) => permission.timeoutMaxSeconds))} seconds and ${Math.max(...forUser.map((permission) => permission.outputMaxBytes))} bytes of output.`;
}
