/** `sallyport-agent run`: the service. One per state directory; SIGTERM and SIGINT end it in order. */
import fs from "node:fs";
import path from "node:path";
import type { AgentConfig } from "../config.ts";
import { makePrivateDir } from "../files.ts";
import { AgentLog } from "../log.ts";
import { AgentRun } from "../run.ts";
import { readStatus } from "../status.ts";

export async function runAgent(config: AgentConfig): Promise<number> {
  makePrivateDir(config.stateDir);
  const release = takeLock(path.join(config.stateDir, "run.pid"), config.statusFile);
  const log = new AgentLog(config.logFile, { echo: true });
  const run = new AgentRun(config, log);
  const stop = () => run.stop();
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("uncaughtException", (error) => log.error("an unexpected error", { reason: error.stack ?? error.message }));
  process.on("unhandledRejection", (reason) => log.error("an unexpected error", { reason: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason) }));
  try {
    await run.run();
    return 0;
  } finally {
    release();
  }
}

/**
 * Refuses a second run on the same state: two would fight over one identity. The lock counts while its process is there and has written the status lately: after a
 * restart of the computer the number may be somebody else's.
 */
function takeLock(file: string, statusFile: string): () => void {
  const holder = Number(readOr(file, "0"));
  if (Number.isInteger(holder) && holder > 1 && holder !== process.pid && readStatus(statusFile, new Date()).kind === "running" && isAlive(holder)) throw new Error(`the agent already runs here as process ${holder}; stop it first, or use another --state directory`);
  fs.writeFileSync(file, `${process.pid}\n`, { mode: 0o600 });
  return () => {
    if (readOr(file, "").trim() === String(process.pid)) fs.rmSync(file, { force: true });
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readOr(file: string, standard: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return standard;
  }
}
