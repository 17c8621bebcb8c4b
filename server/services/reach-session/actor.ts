/** Who a caller of the console is to reach rules: a person or an API key. */
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import type { ReachActor } from "./decide.ts";

/** Throws `not-allowed` for gateways, agents and the console itself: no rule can name them. */
export function reachActorOf(caller: Caller): ReachActor {
  const { kind, id, name } = caller.actor;
  if (kind !== "user" && kind !== "api-key") throw new ConsoleError("not-allowed", "Only people and API keys reach agents.");
  return { kind, id, name, role: caller.role };
}
