/**
 * Fetches the console's agent build and puts it in place of the running program. It is unpacked beside, verified like a bundle (signature of the organisation's signer
 * under the CA that the agent has, every file's hash), tried once, and then switched to; the agent is started again by its service.
 */
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { ProgramManifest } from "../../contract/program.ts";
import { MemberList } from "../bundle/members.ts";
import { readTarGz } from "../bundle/tar.ts";
import { checkProgram } from "../bundle/verify.ts";
import { AgentError } from "../errors.ts";
import { agentVersion } from "../version.ts";
import { fetchProgram } from "./fetch-program.ts";
import { draftDir, isInstalled, keepDraft, runningProgram, switchTo } from "./program.ts";
import { type TaskContext, type TaskEnd, TaskFailed, type TaskRestart } from "./task.ts";

const modes: Record<string, number> = { runtime: 0o755, "agent.mjs": 0o644 };

/** Throws TaskFailed. */
export async function upgrade(context: TaskContext): Promise<TaskEnd | TaskRestart> {
  const { work } = context;
  const { stateDir } = work.config;
  if (!isInstalled(stateDir)) throw new TaskFailed("This agent does not run from an installation, so there is nothing to put a new program into; install the bundle with install.sh.");
  if (!work.config.isSupervised) throw new TaskFailed("No service manager started this agent, so nothing would start the new program. Run it as a service, or set SALLYPORT_SUPERVISED=1 where something else restarts it.");
  const draft = draftDir(stateDir);
  try {
    const archive = path.join(draft, "archive.tar.gz");
    await fetchProgram(context, archive);
    context.progress(70, "Checks the program.");
    const manifest = await unpack(archive, draft, context);
    fs.rmSync(archive);
    const program = hashOf(manifest, "agent.mjs");
    if (compareVersions(manifest.agentVersion, agentVersion) < 0) throw new TaskFailed(`The console's build is version ${manifest.agentVersion}, older than the ${agentVersion} that runs; an agent never goes back.`);
    if (program === runningProgram()) return { state: "done", message: `The agent runs this program already (version ${agentVersion}).` };
    await tryOut(draft, manifest);
    context.signal.throwIfAborted();
    keepDraft(stateDir, draft, program);
    switchTo(stateDir, program);
    return { state: "restarting", message: `Version ${manifest.agentVersion} is in place; the agent restarts.`, program };
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

/** Writes while it reads and believes only afterwards: nothing of it is started or moved before the check. */
async function unpack(archive: string, draft: string, context: TaskContext): Promise<ProgramManifest> {
  const identity = context.work.identity();
  if (!identity) throw new TaskFailed("The agent is not enrolled.");
  const files = new Map<string, number>();
  const write = (name: string, chunk: Buffer) => {
    const mode = modes[name];
    if (mode === undefined) return;
    let descriptor = files.get(name);
    if (descriptor === undefined) files.set(name, (descriptor = fs.openSync(path.join(draft, name), "wx", mode)));
    fs.writeSync(descriptor, chunk);
  };
  try {
    const members = await readTarGz(archive, new MemberList({ onContent: write }));
    for (const descriptor of files.values()) fs.fsyncSync(descriptor);
    for (const [name, mode] of Object.entries(modes)) if (files.has(name)) fs.chmodSync(path.join(draft, name), mode);
    return checkProgram(members, { organisationId: identity.organisationId, caPem: identity.caPem, now: new Date(context.work.now()) });
  } catch (error) {
    if (error instanceof AgentError) throw new TaskFailed(`The program was not taken: ${error.explanation}`, { cause: error });
    throw error;
  } finally {
    for (const descriptor of files.values()) fs.closeSync(descriptor);
  }
}

function hashOf(manifest: ProgramManifest, name: string): string {
  const file = manifest.files.find((entry) => entry.path === name);
  if (!file || !manifest.files.some((entry) => entry.path === "runtime")) throw new TaskFailed("The program's list lacks agent.mjs or the runtime.");
  return file.sha256;
}

/** It must at least start on this computer and say its version. */
async function tryOut(draft: string, manifest: ProgramManifest): Promise<void> {
  const said = await new Promise<string>((resolve, reject) => {
    execFile(path.join(draft, "runtime"), [path.join(draft, "agent.mjs"), "version"], { timeout: 20_000, env: {} as NodeJS.ProcessEnv }, (error, stdout) => (error === null ? resolve(stdout.trim()) : reject(error)));
  }).catch((cause: unknown) => {
    throw new TaskFailed(`The new program does not start on this computer: ${cause instanceof Error ? cause.message.slice(0, 300) : String(cause)}`, { cause });
  });
  if (said !== manifest.agentVersion) throw new TaskFailed(`The new program says that it is version ${said.slice(0, 40)}, its list says ${manifest.agentVersion}.`);
}

/** Below zero: `a` is the older one. Three numbers each. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
