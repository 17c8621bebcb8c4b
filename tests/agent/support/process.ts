/** Real agent processes, on both runtimes. */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, vi } from "vitest";
import type { AgentStatus } from "../../../agent/status.ts";
import { until } from "../../support/sockets.ts";

// Each test starts processes that read a hundred megabytes; on a busy machine that takes its time. What has to be fast says so itself.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

export const root = path.resolve(import.meta.dirname, "..", "..", "..");
export const runtimes = { node: process.execPath, bun: path.join(root, "node_modules", "@oven", "bun-linux-x64", "bin", "bun") } as const;
export type RuntimeName = keyof typeof runtimes;
export const runtimeNames = (Object.keys(runtimes) as RuntimeName[]).filter((name) => fs.existsSync(runtimes[name]));

export function temporaryDir(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-agent-"));
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export type CommandResult = { code: number | null; stdout: string; stderr: string };

/** Runs one agent command to its end. */
export async function agentCommand(runtime: RuntimeName, args: string[], options: { input?: string; environment?: Record<string, string> } = {}): Promise<CommandResult> {
  const child = spawn(runtimes[runtime], [path.join(root, "agent", "main.ts"), ...args], { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...options.environment } });
  child.stdin.end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

export type RunningAgent = { stateDir: string; child: ChildProcess; status: () => AgentStatus | undefined; log: () => string; stop: (signal?: NodeJS.Signals) => Promise<void> };

const running = new Set<RunningAgent>();
// What a test itself starts can register nothing while it runs, and would outlive the file.
afterAll(async () => {
  await Promise.all([...running].map((agent) => agent.stop("SIGKILL")));
});

/** Starts `sallyport-agent run` on a state directory; ended after the test file. */
export function startAgent(runtime: RuntimeName, stateDir: string, environment: Record<string, string> = {}): RunningAgent {
  const child = spawn(runtimes[runtime], [path.join(root, "agent", "main.ts"), "run", "--state", stateDir], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  const agent: RunningAgent = { stateDir, child, status: () => readStatusFile(stateDir), log: () => output, stop };
  running.add(agent);
  // Before what it talks to is closed, where a file starts it outside its tests.
  afterAll(() => stop("SIGKILL"));
  return agent;
}

/** Waits until the agent's own status fits; says what it logged when it does not. */
export async function agentReaches(agent: RunningAgent, fits: (status: AgentStatus) => boolean, what: string, timeoutMs = 10_000): Promise<AgentStatus> {
  await until(() => {
    const status = agent.status();
    // A status that an earlier run left behind tells nothing about this one.
    return status !== undefined && status.pid === agent.child.pid && fits(status);
  }, what, timeoutMs).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${agent.log()}\n${JSON.stringify(agent.status())}`);
  });
  return agent.status() as AgentStatus; // it fitted a moment ago
}

function readStatusFile(stateDir: string): AgentStatus | undefined {
  try {
    return JSON.parse(fs.readFileSync(path.join(stateDir, "status.json"), "utf8")) as AgentStatus;
  } catch {
    return undefined;
  }
}
