/** The agent out of a downloaded bundle, run without installing it: the bundle's folder is read-only, the state elsewhere (S1-67). */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";

export type AgentProcess = {
  status: () => Promise<{ path: { kind: string; name?: string }; step: string }>;
  /** What `status` prints for people. */
  text: () => Promise<string>;
  output: () => string;
  stop: () => Promise<void>;
};

/** Unpacks `file`, enrols from it and runs the agent. Throws with its output when enrolling fails. */
export async function runAgentFrom(file: string, directory: string): Promise<AgentProcess> {
  mkdirSync(directory, { recursive: true });
  execFileSync("tar", ["-xzf", file, "-C", directory]);
  const folder = join(directory, "sallyport-agent");
  const state = join(directory, "state");
  execFileSync("chmod", ["-R", "a-w", folder]);
  const program = join(folder, "sallyport-agent");
  const enrolled = await run(program, ["enrol", "--bundle", folder, "--state", state], { timeoutMs: 60_000 });
  if (enrolled.code !== 0) throw new Error(`the agent did not enrol (${enrolled.code}):\n${enrolled.stdout}${enrolled.stderr}`);
  let text = "";
  const child: ChildProcess = spawn(program, ["run", "--state", state], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout?.on("data", (data: Buffer) => (text += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (text += data.toString()));
  return {
    status: async () => {
      const { stdout } = await run(program, ["status", "--json", "--state", state]);
      const none = { path: { kind: "none" }, step: "idle" };
      return { ...none, ...(stdout.trim() === "" ? {} : (JSON.parse(stdout) as object)) };
    },
    text: async () => (await run(program, ["status", "--state", state])).stdout,
    output: () => text,
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null) child.kill("SIGTERM");
      else return;
      await gone;
    },
  };
}
