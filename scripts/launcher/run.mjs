/** The launcher: installs, starts PostgreSQL, migrates, builds, starts console and gateway, says where they are, and stops all of it in reverse order. */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, makePassword, packagedMajorVersion, startEmbeddedPostgres } from "../embedded-postgres.mjs";
import { spawnGuarded } from "../guarded-process.mjs";
import { buildConsole } from "./build.mjs";
import { cancelCommands, lastLines, runCommand } from "./command.mjs";
import { dataDirectory, lockDataDirectory, openLog, prepareDataDirectory, readText, refuseOldDatabase, waitForLeftovers } from "./data-directory.mjs";
import { dataPlaneRuntime, installDependencies, packagedNode, root } from "./dependencies.mjs";
import { readPorts, requireFreePorts } from "./ports.mjs";
import { muteSteps, say, sayFailure, StartError, step } from "./report.mjs";
import { Supervised } from "./supervised.mjs";

/** Longest wait for a program's first /readyz, ms. */
const readyTimeoutMs = 90_000;
/** Stop deadlines, ms; together under the 20 s that a person waits after Ctrl-C. */
const stopMs = { gateway: 7_000, console: 5_000, postgres: 5_000 };

/** Stops in reverse order of starting. */
const stops = [];
let stopping;

/** Runs until it is told to stop. The exit code is 0 after a stop by signal, 1 when something did not start. */
export async function start() {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stopAll(signal));
  try {
    await startAll();
  } catch (error) {
    if (stopping) return;
    sayFailure(error);
    await stopAll("failure");
  }
}

async function startAll() {
  const begun = performance.now();
  say(`Sallyport starts from ${root}`);
  const directory = dataDirectory();
  const ports = readPorts(process.env);
  await step("data directory", () => {
    prepareDataDirectory(directory);
    stops.push({ name: "lock", stop: lockDataDirectory(directory) });
    return directory;
  });
  await step("dependencies", () => installDependencies());
  await step("data plane runtime", () => dataPlaneRuntime());
  await step("ports", async () => {
    await waitForLeftovers(directory);
    await requireFreePorts(ports);
    return ports.map(({ port }) => port).join(" ");
  });
  const database = await startDatabase(directory);
  await step("database client", () => db("generate"));
  await step("migrations", () => db("migrate", { DATABASE_URL: database.url }));
  await step("pages", () => buildConsole());
  // Time has passed: whoever took a port meanwhile would answer our question whether the console is ready.
  await requireFreePorts(ports);
  const environment = childEnvironment({ directory, ports, databaseUrl: database.url });
  await step("console", () => startConsole(directory, environment));
  await step("gateway", () => startGateway(directory, environment));
  await sayWhere(directory, environment, begun);
}

async function db(command, environment = {}) {
  const { code, output } = await runCommand(packagedNode(), [path.join(root, "scripts", "db.mjs"), command], { cwd: root, env: { ...process.env, ...environment } });
  if (code !== 0) throw new StartError(lastLines(output, 30) || `The step "db ${command}" failed.`);
  return lastLines(output, 1);
}

/** DATABASE_URL when it is set; else the packaged PostgreSQL. */
async function startDatabase(directory) {
  if (process.env.DATABASE_URL) {
    await step("database", () => db("probe"));
    return { url: process.env.DATABASE_URL };
  }
  const logFile = openLog(directory, "postgres");
  const password = postgresPassword(directory);
  let port;
  let server;
  await step("database", async () => {
    refuseOldDatabase(directory, await packagedMajorVersion());
    port = Number(process.env.SALLYPORT_POSTGRES_PORT) || (await freePort());
    const launch = () => startEmbeddedPostgres({ dataDirectory: path.join(directory, "postgres"), port, password, logFile });
    const supervised = new Supervised({ name: "database", logFile, killAfterMs: stopMs.postgres, launch: async () => (server = await launch()) });
    stops.push({ name: "database", stop: () => supervised.stop() });
    await supervised.start(async () => {});
    return `PostgreSQL on 127.0.0.1:${port}`;
  });
  const url = server.url();
  fs.writeFileSync(path.join(directory, "database-url"), `${url}\n`, { mode: 0o600 });
  return { url };
}

/** The superuser's password, made once; PostgreSQL keeps only its hash. */
function postgresPassword(directory) {
  const file = path.join(directory, "postgres-password");
  const kept = readText(file).trim();
  if (kept) return kept;
  if (fs.existsSync(path.join(directory, "postgres", "PG_VERSION"))) {
    throw new StartError(`The database's password is missing (${file}), while the database is there; restore that file from your backup, or move ${directory} away to begin anew.`);
  }
  const made = makePassword();
  fs.writeFileSync(file, `${made}\n`, { mode: 0o600 });
  return made;
}

function childEnvironment({ directory, ports, databaseUrl }) {
  return {
    ...process.env,
    NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1",
    ...Object.fromEntries(ports.map(({ variable, port }) => [variable, String(port)])),
    DATABASE_URL: databaseUrl,
    SALLYPORT_DATA: directory,
    SALLYPORT_LOCAL_GATEWAY: process.env.SALLYPORT_LOCAL_GATEWAY || "1",
    SALLYPORT_GATEWAY_DIR: path.join(directory, "gateway"),
    SALLYPORT_ENROLMENT_TOKEN_FILE: path.join(directory, "local-gateway.token"),
  };
}

async function startConsole(directory, environment) {
  // Both are written by a console that needs them; what an earlier start left says nothing about now.
  for (const name of ["local-gateway.token", "setup-link"]) fs.rmSync(path.join(directory, name), { force: true });
  await startProgram({ name: "console", script: "server/main.ts", directory, environment, readyUrl: `http://127.0.0.1:${environment.SALLYPORT_CONSOLE_PORT}/readyz` });
  return `http://localhost:${environment.SALLYPORT_CONSOLE_PORT}`;
}

async function startGateway(directory, environment) {
  if (environment.SALLYPORT_LOCAL_GATEWAY === "0") return "none, as SALLYPORT_LOCAL_GATEWAY says";
  putForeignIdentityAside(directory);
  const { DATABASE_URL: _withheld, SALLYPORT_ADMIN_PASSWORD: _alsoWithheld, SALLYPORT_MASTER_KEY: _keyWithheld, ...gatewayEnvironment } = environment;
  await startProgram({ name: "gateway", script: "gateway-worker/main.ts", directory, environment: gatewayEnvironment, readyUrl: `http://127.0.0.1:${environment.SALLYPORT_METRICS_PORT}/readyz` });
  return `tunnel listener on port ${environment.SALLYPORT_TUNNEL_PORT}`;
}

/** A token means that this database knows no local gateway: an identity on disk then belongs to another database, and would never be let in. */
function putForeignIdentityAside(directory) {
  const state = path.join(directory, "gateway");
  if (!fs.existsSync(path.join(directory, "local-gateway.token")) || !fs.existsSync(state)) return;
  fs.renameSync(state, `${state}.replaced-${new Date().toISOString().replace(/\D/g, "").slice(0, 14)}`);
}

async function startProgram({ name, script, directory, environment, readyUrl }) {
  const logFile = openLog(directory, name);
  const pidFile = path.join(directory, "run", `${name}.pid`);
  const launch = async () => {
    const child = spawnGuarded(packagedNode(), [path.join(root, script)], { cwd: root, env: environment, logFile });
    void child.started.then((pid) => fs.writeFileSync(pidFile, `${pid}\n`, { mode: 0o600 }));
    return child;
  };
  const supervised = new Supervised({ name, launch, logFile, pidFile, killAfterMs: stopMs[name] });
  stops.push({ name, stop: () => supervised.stop() });
  await supervised.start(async () => {
    if (await answers(readyUrl)) return;
    throw new StartError(`The ${name} was not ready within ${readyTimeoutMs / 1000} s (${readyUrl}); its log is ${logFile}.`, { details: supervised.tail() });
  });
}

async function answers(url) {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline && !stopping) {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined); // not listening yet
    await response?.body?.cancel();
    if (response?.ok) return true;
    await delay(100);
  }
  return false;
}

async function sayWhere(directory, environment, begun) {
  const link = await setupLink(directory);
  say(`\nSallyport is ready after ${((performance.now() - begun) / 1000).toFixed(0)} s.\n`);
  say(`  Console   http://localhost:${environment.SALLYPORT_CONSOLE_PORT}`);
  say(`  Gateway   https://localhost:${environment.SALLYPORT_TUNNEL_PORT} (clients need a certificate)`);
  say(`  Logs      ${path.join(directory, "logs")}`);
  if (link) say(`\n  Make the first administrator here (the link works once):\n  ${link}`);
  say("\n  Ctrl-C stops all of it.");
}

/** The console writes the link before it is ready, and only while nobody can sign in. */
async function setupLink(directory) {
  return readText(path.join(directory, "setup-link")).trim() || undefined;
}

/** Gateway, console, database, lock; a second Ctrl-C does not cut it short, because each step has its own deadline. */
function stopAll(reason) {
  stopping ??= (async () => {
    muteSteps();
    cancelCommands();
    if (reason !== "failure") say("\nStopping.");
    for (const { name, stop } of stops.toReversed()) {
      try {
        await stop();
      } catch (error) {
        process.stderr.write(`The ${name} did not stop cleanly: ${error.message}\n`);
      }
    }
    if (reason !== "failure") say("Stopped.");
    process.exit(reason === "failure" ? 1 : 0);
  })();
  return stopping;
}
