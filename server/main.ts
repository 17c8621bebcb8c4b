/**
 * The console process: composition root. Starts from top to bottom and stops in reverse. Nothing below keeps the process alive without a close here, and a lost
 * database does not end it: /readyz says 503 and why until it is back.
 */
import { startAgentSite } from "./agent-site/main.ts";
import { startControl } from "./control/main.ts";
import { type Db, db } from "./db.ts";
import { type Env, env } from "./env.ts";
import { startHttp } from "./http.ts";
import { errorFields, log } from "./log.ts";
import { waitForDatabase } from "./database-ready.ts";
import { startNext } from "./next.ts";
import { StartProblem, startProblemOf } from "./start-problem.ts";
import { bootstrap, renewServingCertificates } from "./services/organisation/bootstrap.ts";
import { masterKey } from "./services/seal.ts";
import { startTaskClock } from "./services/task-batch/advance.ts";
import { readiness } from "./readiness.ts";
import { migrationProblem } from "./migrations.ts";
import { onStopRequest } from "./stop-request.ts";

/** Everything is closed within this time, or the process ends without waiting further, ms. */
const stopWithinMs = 9_000;
const renewalEveryMs = 3_600_000;

type Part = { name: string; close: () => Promise<void> };
const parts: Part[] = [];
/** All doors are open; before that /readyz answers 503. */
let isStarted = false;

async function start(): Promise<void> {
  const settings = readSettings();
  log.level = settings.SALLYPORT_LOG_LEVEL;
  masterKey();
  const database = db();
  parts.push({ name: "database", close: () => database.$disconnect() });
  await waitForDatabase(database);
  const problem = await migrationProblem(database);
  if (problem !== null) throw new StartProblem(problem);
  await bootstrap(database);
  parts.push(startRenewal(database));
  await startConsole(settings, database);
  const agentSite = await startAgentSite();
  parts.push({ name: "agent site", close: () => agentSite.close() });
  const control = await startControl();
  parts.push({ name: "control channel", close: () => control.close() });
  parts.push({ name: "tasks", ...startTaskClock(database) });
  isStarted = true;
  log.info({ url: settings.consoleUrl }, "the console is ready");
}

function readSettings(): Env {
  try {
    return env();
  } catch (cause) {
    throw new StartProblem(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function startConsole(settings: Env, database: Db): Promise<void> {
  const { SALLYPORT_CONSOLE_HOST: host, SALLYPORT_CONSOLE_PORT: port } = settings;
  const pages = await startNext({ hostname: host, port });
  if (pages) parts.push({ name: "pages", close: pages.close });
  const server = await startHttp({ host, port, consoleUrl: settings.consoleUrl, readiness: async () => (isStarted ? readiness(database) : { kind: "not-ready", reason: "The console is starting." }), handler: pages?.handler ?? null });
  parts.push({ name: "console", close: () => server.close() });
  log.info({ host, port: server.port, pages: pages ? "built" : "not built" }, "console: listening");
}

/** Looks every hour whether one of our own certificates needs to be issued again. */
function startRenewal(database: Db): Part {
  const renew = () => renewServingCertificates(database).catch((error: unknown) => log.warn(errorFields(error), "certificates of the console's own doors could not be renewed; tried again in an hour"));
  const timer = setInterval(() => void renew(), renewalEveryMs).unref();
  return { name: "renewal", close: async () => clearInterval(timer) };
}

let isStopping = false;

async function stop(reason: string, exitCode: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  log.info({ reason }, "the console is stopping");
  setTimeout(() => {
    log.warn("some part did not stop in time");
    process.exit(exitCode);
  }, stopWithinMs).unref();
  for (const part of parts.toReversed()) await part.close().catch((error: unknown) => log.warn({ ...errorFields(error), part: part.name }, "a part did not stop cleanly"));
  process.exit(exitCode);
}

process.on("unhandledRejection", (error) => log.error(errorFields(error), "a promise was rejected and nobody listened"));
process.on("uncaughtException", (error) => {
  log.fatal(errorFields(error), "an error nobody caught; the console stops");
  void stop("uncaught error", 1);
});
onStopRequest((reason) => void stop(reason, 0));

try {
  await start();
} catch (error) {
  const problem = startProblemOf(error);
  if (problem.cause !== undefined) log.error(errorFields(problem.cause), "the console could not start");
  process.stderr.write(`${problem.message}\n`);
  await stop("could not start", 1);
}
