/**
 * The gateway program: composition root of the supervisor, and the few commands a person at the machine needs.
 *   run (default)   enrol when there is a token, serve until stopped
 *   enrol           spend the token in the token file (or standard input) and stop
 *   status          what the running gateway does, --json for tools
 *   fingerprint     what the listener presents, to compare with the console
 *   relay …         the same software in the role of a relay (relay/commands.ts)
 */
import { fstatSync } from "node:fs";
import path from "node:path";
import { type GatewayConfig, gatewayVersion, readConfig } from "./config.ts";
import { explain, GatewayError } from "./errors.ts";
import { Backoff } from "./net/backoff.ts";
import { AdminServer, type AdminView } from "./observe/admin-server.ts";
import { relayCommand } from "./relay/commands.ts";
import { askRunning, printFingerprint, printStatus } from "./supervisor/commands.ts";
import { makePrivateFolder, writeDurably } from "./supervisor/durable-file.ts";
import { Gateway } from "./supervisor/gateway.ts";
import { enrol, enrolFromFile, newTokenIn, readGatewayToken } from "./supervisor/identity/enrol.ts";
import { type GatewayIdentity, loadIdentity } from "./supervisor/identity/store.ts";
import { GatewayLog } from "./supervisor/log.ts";
import { forgetOtherGateway } from "./supervisor/forget.ts";

const commands: Record<string, (config: GatewayConfig, args: string[]) => Promise<number>> = {
  run,
  enrol: enrolOnce,
  status: async (config, args) => await printStatus(config.stateDir, args.includes("--json")),
  fingerprint: async (config, args) => await printFingerprint(config.stateDir, args.includes("--json")),
  relay: async (_config, args) => await relayCommand(args),
  version: async () => {
    process.stdout.write(`${gatewayVersion}\n`);
    return 0;
  },
};

async function main(): Promise<number> {
  const [name = "run", ...args] = process.argv.slice(2);
  const command = commands[name];
  if (!command) {
    process.stderr.write(`"${name}" is no command; use one of: ${Object.keys(commands).join(", ")}\n`);
    return 2;
  }
  return await command(readConfig(), args);
}

/** Runs until a signal, or until the launcher is gone. */
async function run(config: GatewayConfig): Promise<number> {
  const running = await askRunning(config.stateDir);
  if (running) throw new GatewayError("config", `A gateway with the state directory ${config.stateDir} runs already (process ${running.pid}); stop it first, or use another directory.`);
  await makePrivateFolder(config.stateDir);
  const log = new GatewayLog(config.logLevel);
  const stopping = new AbortController();
  let gateway: Gateway | undefined;
  let waiting = "starting";
  const admin = new AdminServer(() => gateway?.view() ?? waitingView(waiting));
  const port = await admin.start(config.metricsHost, config.metricsPort).catch((cause: unknown) => {
    throw new GatewayError("config", `The metrics port ${config.metricsPort} cannot be used (${explain(cause)}); set SALLYPORT_METRICS_PORT to a free one, or 0.`, cause);
  });
  await writeDurably(path.join(config.stateDir, "run.json"), `${JSON.stringify({ pid: process.pid, host: config.metricsHost, port, startedAt: new Date().toISOString() })}\n`);
  const reload = onSignals(config, stopping, log, () => gateway?.reconnect());
  try {
    while (!stopping.signal.aborted) {
      const identity = await identify({ config, log, signal: stopping.signal, onWaiting: (why) => { waiting = why; } }, reload);
      if (!identity) break;
      gateway = new Gateway(config, identity, log);
      await gateway.start();
      const why = await Promise.race([once(stopping.signal), replaced(config, identity, reload)]);
      if (why === "stop") await gateway.drain();
      await gateway.close();
      gateway = undefined;
    }
    return 0;
  } finally {
    await gateway?.close();
    await admin.close();
    log.info("stopped");
    log.flush();
  }
}

type Identifying = { config: GatewayConfig; log: GatewayLog; signal: AbortSignal; onWaiting: (why: string) => void };

/** The stored identity, or a new one from the token file; a token that lies there is newer than what is stored. Keeps trying until it works or the signal comes. */
async function identify({ config, log, signal, onWaiting }: Identifying, reload: Reload): Promise<GatewayIdentity | undefined> {
  const backoff = new Backoff({ firstMs: 500, maxMs: 30_000 });
  while (!signal.aborted) {
    const stored = await loadIdentity(config.stateDir);
    try {
      const token = await newTokenIn(config.tokenFile, stored);
      if (token === undefined && stored) return stored;
      if (token === undefined || config.tokenFile === undefined) throw new GatewayError("not-enrolled", `This gateway is not enrolled; write the token from the console into the file that SALLYPORT_ENROLMENT_TOKEN_FILE names${config.tokenFile ? ` (${config.tokenFile})` : ""}.`);
      const identity = await enrolFromFile(config.stateDir, config.tokenFile);
      await forgetOtherGateway(config.stateDir, stored, identity);
      log.info(`enrolled as ${identity.name}`, { gatewayId: identity.gatewayId });
      return identity;
    } catch (error) {
      if (stored) {
        log.warn(`the new token was not used: ${explain(error)}; going on with the identity of ${stored.name}`);
        return stored;
      }
      onWaiting(explain(error));
      const delayMs = backoff.next();
      log.warn(`not enrolled yet: ${explain(error)}; trying again in ${Math.ceil(delayMs / 1000)} s`);
      await Promise.race([once(signal), reload.next(), new Promise((resolve) => setTimeout(resolve, delayMs).unref())]);
    }
  }
  return undefined;
}

type Reload = { next(): Promise<"reload"> };

/** SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reads local files again; under the launcher its end is ours. */
function onSignals(config: GatewayConfig, stopping: AbortController, log: GatewayLog, reconnect: () => void): Reload {
  const waiting = new Set<(value: "reload") => void>();
  const stop = (why: string): void => {
    if (stopping.signal.aborted) {
      log.flush();
      process.exit(1);
    }
    log.info(`stopping: ${why}`);
    stopping.abort();
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGHUP", () => {
    log.info("reading local files again");
    for (const resolve of waiting) resolve("reload");
    waiting.clear();
    reconnect();
  });
  if (config.stopsWithParent) onParentGone(() => { if (!stopping.signal.aborted) stop("the launcher has gone"); });
  return { next: async () => await new Promise((resolve) => waiting.add(resolve)) };
}

function onParentGone(stop: () => void): void {
  process.on("disconnect", stop);
  const parent = process.ppid;
  setInterval(() => { if (process.ppid !== parent) stop(); }, 1_000).unref();
  if (!isPipe(0)) return; // a terminal or /dev/null says nothing about who started us
  process.stdin.on("end", stop).on("error", stop).resume();
  process.stdin.unref?.();
}

function isPipe(descriptor: number): boolean {
  try {
    const kind = fstatSync(descriptor);
    return kind.isFIFO() || kind.isSocket();
  } catch {
    return false; // closed
  }
}

async function once(signal: AbortSignal): Promise<"stop"> {
  return await new Promise((resolve) => {
    if (signal.aborted) resolve("stop");
    else signal.addEventListener("abort", () => resolve("stop"), { once: true });
  });
}

/** Resolves when, after a reload, the identity on disk is another one or a new token lies there. */
async function replaced(config: GatewayConfig, identity: GatewayIdentity, reload: Reload): Promise<"replaced"> {
  for (;;) {
    await reload.next();
    const stored = await loadIdentity(config.stateDir).catch(() => undefined);
    const token = await newTokenIn(config.tokenFile, identity).catch(() => undefined);
    if (token !== undefined || (stored && stored.certificateChainPem !== identity.certificateChainPem)) return "replaced";
  }
}

/** Enrols with the token file, or with a token on standard input, never one in the arguments: those are visible to every process. */
async function enrolOnce(config: GatewayConfig): Promise<number> {
  const stored = await loadIdentity(config.stateDir).catch(() => undefined);
  const identity = config.tokenFile === undefined ? await enrol(config.stateDir, readGatewayToken(await readStandardInput())) : await enrolFromFile(config.stateDir, config.tokenFile);
  await forgetOtherGateway(config.stateDir, stored, identity);
  process.stdout.write(`Enrolled as ${identity.name} (${identity.gatewayId}).\n`);
  return 0;
}

async function readStandardInput(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > 10_000) throw new GatewayError("token", "Standard input is too long for a token.");
  }
  return text;
}

function waitingView(why: string): AdminView {
  return {
    status: { revision: 0, accessVersion: 0, snapshotBuiltAt: null, isDraining: false, listeners: [], engines: [], tunnels: 0, bytesUp: 0, bytesDown: 0, handshakes: 0, channels: 0, refused: 0, servers: [] },
    channel: { state: "idle", detail: why, heardAt: null },
    logForwarding: "off: this gateway has no identity yet; enrolling gives it one",
    notReady: why,
    notes: [],
    gatewayId: null,
    name: null,
    fingerprint: null,
    version: gatewayVersion,
    clockSkewMs: null,
    counters: { connections: 0, handshakesResumed: 0, tunnelsOpened: 0, loopDelayMaxMs: 0, accessEntries: 0 },
    services: [],
    members: [],
    reach: { listener: null, connections: 0, sessions: 0, sessionsOpened: 0, bytesUp: 0, bytesDown: 0, refused: {} },
  };
}

process.on("unhandledRejection", (error) => process.stderr.write(`a promise was rejected and nobody listened: ${explain(error)}\n`));

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
