/** `sallyport-agent status`: reads what the running agent wrote. Exit code 0: connected; 3: running without a connection, stopped, or not enrolled. */
import type { AgentConfig } from "../config.ts";
import { readStatus, statusText } from "../status.ts";

export function showStatus(config: AgentConfig, isJson: boolean): number {
  const now = new Date();
  const read = readStatus(config.statusFile, now);
  const isConnected = read.kind === "running" && read.status.path.kind !== "none";
  if (isJson) process.stdout.write(`${JSON.stringify(read.kind === "none" ? { isRunning: false, isConnected } : { isRunning: read.kind === "running", isConnected, ...read.status }, null, 2)}\n`);
  else process.stdout.write(statusText(read, now));
  return isConnected ? 0 : 3;
}
