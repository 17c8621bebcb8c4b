/** Where the agent keeps its things; the only reader of the environment. */
import path from "node:path";
import { platform } from "./platform/current.ts";

export type AgentConfig = Readonly<{
  /** Identity, policy, status and logs; 0700. */
  stateDir: string;
  logFile: string;
  statusFile: string;
}>;

/** `stateDir` from the command line wins over SALLYPORT_AGENT_STATE, that over the platform's usual place. */
export function agentConfig(stateDir: string | undefined): AgentConfig {
  const chosen = path.resolve(stateDir ?? process.env["SALLYPORT_AGENT_STATE"] ?? platform.defaultStateDir);
  return Object.freeze({ stateDir: chosen, logFile: path.join(chosen, "logs", "agent.log"), statusFile: path.join(chosen, "status.json") });
}
