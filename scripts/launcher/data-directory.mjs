/** The data directory: who owns it, who uses it, what is in it. Everything of an installation that must survive lies here (and in DATABASE_URL's database). */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { requireSpace, root } from "./dependencies.mjs";
import { StartError } from "./report.mjs";

const logSizeMax = 10 * 2 ** 20;
const logsKept = 3;

/** Absolute path of the data directory: `.sallyport` in the project, or SALLYPORT_DATA. */
export function dataDirectory() {
  return path.resolve(root, process.env.SALLYPORT_DATA || ".sallyport");
}

/** Makes the directory (0700) and refuses one that is not ours, not writable or on a full disk. */
export function prepareDataDirectory(directory) {
  // Started by root, PostgreSQL runs as another user, who must be able to enter its own folder below; nothing else is readable to it.
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    fs.mkdirSync(directory, { recursive: true, mode });
    refuseForeignOwner(directory);
    fs.chmodSync(directory, mode);
    for (const name of ["logs", "run"]) fs.mkdirSync(path.join(directory, name), { recursive: true, mode: name === "logs" ? mode : 0o700 });
    const probe = path.join(directory, `.write-${process.pid}`);
    fs.writeFileSync(probe, "");
    fs.rmSync(probe);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    if (cause.code === "ENOSPC") throw new StartError(`The disk of ${directory} is full; make room and start again.`, { cause });
    throw new StartError(`The data directory ${directory} cannot be written (${cause.code ?? cause.message}); correct its permissions, or set SALLYPORT_DATA to another folder.`, { cause });
  }
  requireSpace(directory, 1, "the database and the logs need room to grow");
}

function refuseForeignOwner(directory) {
  const uid = process.getuid?.();
  const { uid: owner } = fs.statSync(directory);
  if (uid === undefined || owner === uid) return;
  throw new StartError(`The data directory ${directory} belongs to user ${userName(owner)}, and this is user ${userName(uid)}; start as ${userName(owner)}, or set SALLYPORT_DATA to a folder of your own.`);
}

function userName(uid) {
  return spawnSync("id", ["-un", String(uid)], { encoding: "utf8" }).stdout?.trim() || String(uid);
}

/** Refuses a database directory that the packaged PostgreSQL cannot read. */
export function refuseOldDatabase(directory, packagedMajor) {
  const file = path.join(directory, "postgres", "PG_VERSION");
  if (!fs.existsSync(file)) return;
  const major = Number(fs.readFileSync(file, "utf8"));
  if (major === packagedMajor) return;
  throw new StartError(
    `The database in ${path.dirname(file)} was made by PostgreSQL ${major}, and this version brings PostgreSQL ${packagedMajor}. Dump it with the version of Sallyport that made it, move the folder away and restore into the new one (docs/failure-modes.md), or serve it with a PostgreSQL ${major} of your own and set DATABASE_URL.`,
  );
}

/**
 * One start at a time in a data directory. Returns the release. The lock of a start that was killed is taken over.
 * @returns {() => void}
 */
export function lockDataDirectory(directory) {
  const file = path.join(directory, "run", "start.lock");
  const mine = `${process.pid}\n`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      fs.writeFileSync(file, mine, { flag: "wx", mode: 0o600 });
      return () => {
        if (readText(file) === mine) fs.rmSync(file, { force: true });
      };
    } catch (cause) {
      if (cause.code !== "EEXIST") throw cause;
      const holder = Number(readText(file));
      if (holder && isProgram(holder, "start.mjs")) {
        throw new StartError(`Sallyport already runs from this data directory (${directory}, process ${holder}); stop that one first, or set SALLYPORT_DATA and the ports for a second installation.`);
      }
      fs.rmSync(file, { force: true });
    }
  }
  throw new StartError(`Another start of ${directory} is under way; wait for it, or stop it.`);
}

/** Waits until the console and the gateway of a start that was killed are gone; what stays longer than 15 s is ended. */
export async function waitForLeftovers(directory) {
  for (const name of ["gateway", "console"]) {
    const file = path.join(directory, "run", `${name}.pid`);
    const pid = Number(readText(file));
    for (let waitedMs = 0; pid && isProgram(pid, "main.ts"); waitedMs += 100) {
      if (waitedMs > 15_000) process.kill(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    fs.rmSync(file, { force: true });
  }
}

/** True when the process lives and its command line holds `word`: a number alone may belong to somebody else by now. */
export function isProgram(pid, word) {
  const listed = spawnSync("ps", ["-o", "stat=,args=", "-p", String(pid)], { encoding: "utf8" });
  if (listed.error) return readText(`/proc/${pid}/cmdline`).includes(word);
  return listed.status === 0 && listed.stdout.includes(word) && !listed.stdout.trimStart().startsWith("Z");
}

/** Path of a log; one that grew over 10 MiB is put aside first, three of them are kept. */
export function openLog(directory, name) {
  const file = path.join(directory, "logs", `${name}.log`);
  if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) < logSizeMax) return file;
  for (let number = logsKept; number >= 1; number--) {
    const from = number === 1 ? file : `${file}.${number - 1}`;
    if (fs.existsSync(from)) fs.renameSync(from, `${file}.${number}`);
  }
  return file;
}

/** Reads a text file; empty when it is not there. */
export function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
