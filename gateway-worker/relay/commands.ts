/**
 * The relay's commands, for its own entry (main.ts) and for `sallyport-gateway relay …`:
 *   run (default)   carry agents' connections until stopped
 *   id              the relay id and the certificate's fingerprint, to compare in the console before Confirm (X4-04); makes the key at the first call
 *   check           try port and upstreams, and say what is wrong
 *   status          what the running relay does; --json for tools
 *   version
 */
import http from "node:http";
import { groupHex } from "../../contract/fingerprint.ts";
import { RelayAdmin } from "./admin.ts";
import { checkRelay } from "./check.ts";
import { readRelayConfig, type RelayConfig } from "./config.ts";
import { RelayError } from "./errors.ts";
import { loadOrMakeIdentity, type RelayIdentity } from "./identity.ts";
import { RelayLog } from "./log.ts";
import { Relay, type RelayView } from "./relay.ts";
import { readRelaySettings } from "./settings.ts";
import { relayVersion } from "./version.ts";

const commands: Record<string, (config: RelayConfig, args: string[]) => Promise<number>> = {
  run,
  id: printId,
  check,
  status: async (config, args) => await printStatus(config, args.includes("--json")),
  version: async () => {
    process.stdout.write(`${relayVersion}\n`);
    return 0;
  },
};

const usage = `sallyport-relay ${relayVersion}: carries the connections of agents to a gateway.

Usage: sallyport-relay COMMAND

  run                carry connections until SIGTERM (what the service does)
  id                 print relay id and fingerprint, to compare in the console
  check              try port and upstreams, and name the step that fails
  status [--json]    what the running relay carries
  version

Settings: SALLYPORT_RELAY_SETTINGS (relay.json), key: SALLYPORT_RELAY_DIR (.sallyport/relay), health and metrics: SALLYPORT_RELAY_METRICS_PORT (9465, loopback).
`;

/** Runs one command; resolves to the exit code. Rejects with RelayError, whose message is for the person. */
export async function relayCommand(args: string[]): Promise<number> {
  const [name = "run", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(`"${name}" is no command of the relay; use one of: ${Object.keys(commands).join(", ")}\n`);
    return 2;
  }
  return await command(readRelayConfig(), rest);
}

async function run(config: RelayConfig): Promise<number> {
  const settings = await readRelaySettings(config.settingsFile);
  const identity = await loadOrMakeIdentity(config.keyDir, settings.name);
  const log = new RelayLog(config.logLevel);
  const stopped = stopSignal(log);
  const relay = new Relay(settings, identity, log);
  const admin = new RelayAdmin(() => relay.view());
  const metricsPort = await admin.start(config.metricsHost, config.metricsPort);
  try {
    await relay.start();
    log.info("health, status and metrics are served", { metricsPort });
    await stopped;
    await relay.drain();
    return 0;
  } finally {
    await relay.close();
    await admin.close();
    log.info("stopped");
  }
}

/** Resolves at SIGTERM or SIGINT; a second one ends the process at once. */
async function stopSignal(log: RelayLog): Promise<void> {
  await new Promise<void>((resolve) => {
    let isStopping = false;
    const stop = (name: string): void => {
      if (isStopping) process.exit(1);
      isStopping = true;
      log.info(`stopping: ${name}`);
      resolve();
    };
    for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop(name));
  });
}

async function printId(config: RelayConfig, args: string[]): Promise<number> {
  const settings = await readRelaySettings(config.settingsFile);
  const identity = await loadOrMakeIdentity(config.keyDir, settings.name);
  if (args.includes("--json")) process.stdout.write(`${JSON.stringify({ relayKey: settings.relayKey, fingerprint: identity.fingerprint })}\n`);
  else process.stdout.write(`Relay id      ${settings.relayKey}\nFingerprint   ${groupHex(identity.fingerprint)}\n\nCompare both with the relay's page in the console, then press Confirm there.\n`);
  return 0;
}

async function check(config: RelayConfig): Promise<number> {
  const settings = await readRelaySettings(config.settingsFile);
  const identity: RelayIdentity = await loadOrMakeIdentity(config.keyDir, settings.name);
  const lines = await checkRelay(settings, identity);
  for (const line of lines) process.stdout.write(`${line.isOk ? "ok   " : "WRONG"} ${line.sentence}\n`);
  return lines.every((line) => line.isOk) ? 0 : 1;
}

async function printStatus(config: RelayConfig, isJson: boolean): Promise<number> {
  const view = await askRunning(config);
  if (isJson) process.stdout.write(`${JSON.stringify(view)}\n`);
  else process.stdout.write(statusText(view));
  return view.notReady === null ? 0 : 1;
}

async function askRunning(config: RelayConfig): Promise<RelayView> {
  const text = await new Promise<string>((resolve, reject) => {
    const request = http.get({ host: config.metricsHost, port: config.metricsPort, path: "/status", timeout: 5_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk)).on("end", () => resolve(body));
    });
    request.on("timeout", () => request.destroy(new Error("no answer"))).on("error", reject);
  }).catch((cause: unknown) => {
    throw new RelayError("config", `No relay answers on ${config.metricsHost} port ${config.metricsPort}; start it with "relay run", or set SALLYPORT_RELAY_METRICS_PORT as for the running one.`, cause);
  });
  return JSON.parse(text) as RelayView;
}

function statusText(view: RelayView): string {
  const lines = [
    `${view.name}: ${view.notReady ?? "carries connections"}`,
    ...view.warnings.map((warning) => `WARNING  ${warning}`),
    `id ${view.relayKey}, fingerprint ${groupHex(view.fingerprint)}, version ${view.version}, since ${view.startedAt}`,
    ...view.upstreams.map((upstream) => `upstream ${upstream.label}: ${upstream.state} since ${upstream.since}, ${upstream.streams} streams${upstream.roundTripMs === null ? "" : `, ${upstream.roundTripMs.toFixed(1)} ms`}${upstream.detail ? `; ${upstream.detail}` : ""}`),
    `connections ${view.load.connections} open, ${view.load.opened} carried, ${view.load.refused} refused; ${view.load.bytesUp} bytes up, ${view.load.bytesDown} down`,
  ];
  return `${lines.join("\n")}\n`;
}
