/** Where the agent keeps its things, and what this computer's owner set; the only reader of the environment. */
import path from "node:path";
import { platform } from "./platform/current.ts";

export type AgentConfig = Readonly<{
  /** Identity, policy, status and logs; 0700. */
  stateDir: string;
  logFile: string;
  statusFile: string;
  /** Something starts the agent again when it ends: a service manager, or what SALLYPORT_SUPERVISED=1 stands for. */
  isSupervised: boolean;
  /** As they stand in the environment; local-settings.ts reads them. */
  environment: Readonly<{ relay?: string | undefined; relayValidation?: string | undefined; reach?: string | undefined; listen?: string | undefined }>;
}>;

/** `stateDir` from the command line wins over SALLYPORT_AGENT_STATE, that over the platform's usual place. */
export function agentConfig(stateDir: string | undefined): AgentConfig {
  const chosen = path.resolve(stateDir ?? process.env["SALLYPORT_AGENT_STATE"] ?? platform.defaultStateDir);
  const environment = { relay: setting("SALLYPORT_RELAY"), relayValidation: setting("SALLYPORT_RELAY_VALIDATION"), reach: setting("SALLYPORT_REACH"), listen: setting("SALLYPORT_LISTEN") };
  // systemd names the run of a service; other service managers are the parent of everything, or everything's parent is the agent itself.
  const isSupervised = setting("INVOCATION_ID") !== undefined || setting("SALLYPORT_SUPERVISED") === "1" || process.ppid === 1 || process.pid === 1;
  return Object.freeze({ isSupervised, stateDir: chosen, logFile: path.join(chosen, "logs", "agent.log"), statusFile: path.join(chosen, "status.json"), environment });
}

/** An empty variable is as good as none: unit files and container settings set them that way. */
function setting(name: string): string | undefined {
  return process.env[name]?.trim() || undefined;
}
