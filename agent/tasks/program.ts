/**
 * Where an upgraded program lies and how one takes the place of another. Everything is in the state directory, because the installation itself is read-only to the service:
 *
 *   program/SHA256/      one unpacked program each: runtime, agent.mjs
 *   program/current   -> the one that the starter runs; none: the installation's own
 *   program/previous  -> the one before
 *   program/trial        current has not been connected yet; a second start before that puts it aside (deploy/agent/sallyport-agent)
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { makePrivateDir, removeFile, renameWhole, writeFileWhole } from "../files.ts";

export function programDir(stateDir: string): string {
  return path.join(stateDir, "program");
}

let running: string | undefined;

/** SHA-256 of the program that runs, hex. */
export function runningProgram(): string {
  running ??= createHash("sha256").update(fs.readFileSync(fs.realpathSync(process.argv[1] ?? ""))).digest("hex");
  return running;
}

/** Whether a starter that knows upgrades started us: from an installation, or from an upgraded program. */
export function isInstalled(stateDir: string): boolean {
  const here = path.dirname(fs.realpathSync(process.argv[1] ?? ""));
  if (fs.existsSync(path.join(here, "installed"))) return true;
  const programs = programDir(stateDir);
  return fs.existsSync(programs) && here.startsWith(`${fs.realpathSync(programs)}${path.sep}`);
}

/** From the next start on, the program in this folder runs. One rename decides. */
export function switchTo(stateDir: string, folder: string): void {
  const programs = programDir(stateDir);
  const current = path.join(programs, "current");
  const before = readLink(current);
  fs.rmSync(path.join(programs, "tried"), { force: true });
  writeFileWhole(path.join(programs, "trial"), `${folder}\n`);
  if (before === undefined) removeFile(path.join(programs, "previous"));
  else link(programs, "previous", before);
  link(programs, "current", folder);
}

/** The running program has been connected: it stays, and older ones go. */
export function confirmProgram(stateDir: string): void {
  const programs = programDir(stateDir);
  if (!fs.existsSync(path.join(programs, "trial"))) return;
  removeFile(path.join(programs, "trial"));
  removeFile(path.join(programs, "tried"));
  const kept = new Set([readLink(path.join(programs, "current")), readLink(path.join(programs, "previous"))]);
  for (const name of fs.readdirSync(programs)) if (/^[0-9a-f]{64}$/.test(name) && !kept.has(name)) fs.rmSync(path.join(programs, name), { recursive: true, force: true });
}

/** An empty folder to unpack to. */
export function draftDir(stateDir: string): string {
  makePrivateDir(programDir(stateDir));
  for (const name of fs.readdirSync(programDir(stateDir))) if (name.startsWith("draft-")) fs.rmSync(path.join(programDir(stateDir), name), { recursive: true, force: true });
  return fs.mkdtempSync(path.join(programDir(stateDir), "draft-"));
}

/** The draft gets its final name. */
export function keepDraft(stateDir: string, draft: string, name: string): void {
  const folder = path.join(programDir(stateDir), name);
  fs.rmSync(folder, { recursive: true, force: true });
  renameWhole(draft, folder);
}

function link(programs: string, name: string, target: string): void {
  const draft = path.join(programs, `.${name}.${process.pid}`);
  fs.rmSync(draft, { force: true });
  fs.symlinkSync(target, draft);
  renameWhole(draft, path.join(programs, name));
}

function readLink(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
}
