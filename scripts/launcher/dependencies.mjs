/** Installs what package-lock.json names, and finds the two runtimes that come with it: Node for everything, Bun for the gateway's stream engines. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { lastLines, runCommand } from "./command.mjs";
import { StartError } from "./report.mjs";

export const root = path.join(import.meta.dirname, "..", "..");

/** Runs `npm ci` unless node_modules already holds exactly what package-lock.json says. */
export async function installDependencies({ echo = false } = {}) {
  if (isInstalled()) return "as package-lock.json says";
  requireSpace(root, 3, "installing needs about 2.5 GB once");
  const { code, output } = await runCommand("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: root, env: { ...process.env, PATH: pathWithoutModules() }, echo });
  if (code !== 0 || !isInstalled()) {
    throw new StartError("npm could not install the dependencies; check this machine's access to its npm registry (npm ping) and run the same command again.", { details: lastLines(output) });
  }
  return "installed";
}

/** Ends with a sentence when fewer than `gigabytes` are free where `folder` is. */
export function requireSpace(folder, gigabytes, why) {
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = (bavail * bsize) / 2 ** 30;
  if (free < gigabytes) throw new StartError(`Only ${free.toFixed(1)} GB are free on the disk of ${folder}; ${why}. Make room to at least ${gigabytes} GB and start again.`);
}

/** Path of the Node that came with the dependencies; on a platform without one, this process's own when it is new enough to run TypeScript. */
export function packagedNode() {
  const found = path.join(root, "node_modules", ".bin", process.platform === "win32" ? "node.exe" : "node");
  if (fs.existsSync(found)) return fs.realpathSync(found);
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  throw new StartError(`There is no packaged Node for ${process.platform}-${process.arch}, and this one (${process.versions.node}) is too old to do without; install Node 24 or later and run the same command again.`);
}

/** What the stream engines will run on, in words. */
export function dataPlaneRuntime() {
  const arch = { x64: "x64", arm64: "aarch64" }[process.arch] ?? process.arch;
  const name = process.platform === "win32" ? "windows" : process.platform;
  const binary = path.join(root, "node_modules", "@oven", `bun-${name}-${arch}`, "bin", process.platform === "win32" ? "bun.exe" : "bun");
  if (process.env.SALLYPORT_RUNTIME === "node") return "Node, as SALLYPORT_RUNTIME says";
  const answered = fs.existsSync(binary) ? spawnSync(binary, ["--version"], { encoding: "utf8", timeout: 10_000 }) : undefined;
  if (answered?.status === 0) return `Bun ${answered.stdout.trim()}`;
  if (process.env.SALLYPORT_RUNTIME === "bun") throw new StartError(`SALLYPORT_RUNTIME is bun, but ${answered ? "its program does not run here" : `there is no packaged Bun for ${process.platform}-${process.arch}`}; unset it to use Node.`);
  return answered ? "Node (the packaged Bun does not run on this processor)" : "Node (there is no packaged Bun for this platform)";
}

/** npm writes what it installed to node_modules/.package-lock.json, at the very end: no file, no finished installation. */
function isInstalled() {
  const wanted = readPackages(path.join(root, "package-lock.json"));
  const present = readPackages(path.join(root, "node_modules", ".package-lock.json"));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === "") return true;
    const version = present[name]?.version;
    return version === undefined ? Boolean(entry.optional || entry.devOptional || entry.peer || entry.extraneous) : version === entry.version;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")).packages;
  } catch {
    return undefined; // absent or cut off: install
  }
}

/** The Node inside node_modules must not run the command that replaces node_modules. */
function pathWithoutModules() {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return folders.filter((folder) => !folder.includes(`${path.sep}node_modules${path.sep}.bin`)).join(path.delimiter);
}
