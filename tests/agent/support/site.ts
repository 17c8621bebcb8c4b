/** An installation's agent site with its database, and real agent processes against it. Import it first in a test file. */
import "../../support/with-database.ts";
import { spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { type AgentSite, startAgentSite } from "../../../server/agent-site/main.ts";
import { db } from "../../../server/db.ts";
import { type Caller, systemCaller } from "../../../server/services/caller.ts";
import { bootstrap } from "../../../server/services/organisation/bootstrap.ts";
import { createToken } from "../../../server/services/token/create.ts";
import type { AgentStatus } from "../../../agent/status.ts";
import { freePort, until } from "../../support/sockets.ts";

export const root = path.resolve(import.meta.dirname, "..", "..", "..");
export const runtimes = { node: process.execPath, bun: path.join(root, "node_modules", "@oven", "bun-linux-x64", "bin", "bun") } as const;
export type RuntimeName = keyof typeof runtimes;
export const runtimeNames = (Object.keys(runtimes) as RuntimeName[]).filter((name) => fs.existsSync(runtimes[name]));

export type TestSite = { port: number; organisationId: string; caller: Caller; site: AgentSite };

/** Bootstraps an organisation and starts its agent site on a free port, which is also the one that tokens and policies name. */
export async function startSite(): Promise<TestSite> {
  const data = temporaryDir();
  process.env["SALLYPORT_DATA"] = data;
  const port = await freePort();
  process.env["SALLYPORT_AGENT_SITE_PORT"] = String(port);
  const { organisationId } = await bootstrap(db());
  const site = await startAgentSite({ host: "127.0.0.1", port });
  afterAll(async () => {
    await site.close();
    await db().$disconnect();
  });
  return { port, organisationId, caller: systemCaller(organisationId, "test"), site };
}

export async function agentToken(site: Pick<TestSite, "caller">, extra: { agentId?: string; groupIds?: string[]; usesMax?: number; expiresAt?: Date } = {}): Promise<string> {
  const { expiresAt = new Date(Date.now() + 3_600_000), ...rest } = extra;
  const { text } = await db().$transaction((tx) => createToken(tx, site.caller, { kind: "agent", expiresAt, ...rest }));
  return text;
}

export function temporaryDir(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-agent-"));
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export type CommandResult = { code: number | null; stdout: string; stderr: string };

/** Runs one agent command to its end. */
export async function agentCommand(runtime: RuntimeName, args: string[], options: { input?: string } = {}): Promise<CommandResult> {
  const child = spawn(runtimes[runtime], [path.join(root, "agent", "main.ts"), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

export type RunningAgent = { stateDir: string; child: ChildProcess; status: () => AgentStatus | undefined; log: () => string; stop: (signal?: NodeJS.Signals) => Promise<void> };

/** Starts `sallyport-agent run` on a state directory; ended after the test file. */
export function startAgent(runtime: RuntimeName, stateDir: string): RunningAgent {
  const child = spawn(runtimes[runtime], [path.join(root, "agent", "main.ts"), "run", "--state", stateDir], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  afterAll(() => stop("SIGKILL"));
  return { stateDir, child, status: () => readStatusFile(stateDir), log: () => output, stop };
}

/** Enrols with a token of these groups and runs; resolves once it is fully connected. */
export async function enrolledAgent(site: Pick<TestSite, "caller">, runtime: RuntimeName, groupIds: string[]): Promise<RunningAgent> {
  const state = temporaryDir();
  const enrolled = await agentCommand(runtime, ["enrol", "--token-file", "-", "--state", state], { input: await agentToken(site, { groupIds }) });
  if (enrolled.code !== 0) throw new Error(`could not enrol: ${enrolled.stdout}${enrolled.stderr}`);
  const agent = startAgent(runtime, state);
  await agentReaches(agent, (status) => status.step === "fully-connected", "fully connected", 20_000);
  return agent;
}

/** Waits until the agent's own status fits; says what it logged when it does not. */
export async function agentReaches(agent: RunningAgent, fits: (status: AgentStatus) => boolean, what: string, timeoutMs = 10_000): Promise<AgentStatus> {
  await until(() => {
    const status = agent.status();
    return status !== undefined && fits(status);
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
