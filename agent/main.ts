#!/usr/bin/env node
/** The program on the endpoint: `sallyport-agent COMMAND`. Runs from the same source on Bun and on Node. */
import { parseArgs } from "node:util";
import { agentConfig } from "./config.ts";
import { diagnose } from "./commands/diagnose.ts";
import { enrol } from "./commands/enrol.ts";
import { showLogs } from "./commands/logs.ts";
import { runProxy } from "./commands/proxy.ts";
import { showRelay } from "./commands/relay.ts";
import { runAgent } from "./commands/run.ts";
import { showStatus } from "./commands/status.ts";
import { verifyBundle } from "./commands/verify.ts";
import { AgentError } from "./errors.ts";
import { agentVersion } from "./version.ts";

const usage = `sallyport-agent ${agentVersion}: connects this computer to its management server, on the LAN or through a gateway.

Usage: sallyport-agent COMMAND [--state DIR]

  enrol --bundle FILE|DIR    take the identity and settings of an offline bundle (.tar.gz, .zip, or its unpacked folder)
  enrol --token-file FILE    enrol with a token; a dash reads it from standard input
        --no-wait            only store it; the running agent enrols when it can reach the management server
        --relay HOST:PORT    every connection goes to this relay from now on; names and pins stay those of gateway and server
        --relay-validation off   do not compare the gateway's certificate with its pins; for a network that is locked down otherwise
  run                        run in the foreground (what the service does)
  status [--json]            how this computer is connected just now
  logs [-f] [--lines N]      the agent's log, with the connection ids that the gateway logs too
  diagnose [--json]          walk each way to the management server and name the hop that fails
  proxy [--port N]           local HTTP CONNECT proxy on the loopback, same choice of way, policy's servers only
  relay [--relay HOST:PORT|none] [--relay-validation on|off]   show or change the relay; the running agent takes it at its next start
  verify FILE|DIR [--json]   check an offline bundle's signature, dates and contents
  version

State, policy and identity are kept in /var/lib/sallyport-agent (or --state DIR, or SALLYPORT_AGENT_STATE); the log is logs/agent.log in it.
This computer's owner decides with SALLYPORT_RELAY=HOST:PORT, SALLYPORT_RELAY_VALIDATION=off, SALLYPORT_REACH=off|all|22,5432,host:port (which services others may
reach at all) and SALLYPORT_LISTEN=[address:]2003 (wait to be dialled, dial nothing).
`;

const options = {
  state: { type: "string" },
  bundle: { type: "string" },
  "token-file": { type: "string" },
  "no-wait": { type: "boolean" },
  relay: { type: "string" },
  "relay-validation": { type: "string" },
  json: { type: "boolean" },
  follow: { type: "boolean", short: "f" },
  lines: { type: "string" },
  port: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** Exit codes: 0 done, 1 failed with a sentence, 2 wrong usage, 3 not yet (a pending enrolment, no connection). */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true, strict: true });
  const [command, operand, ...rest] = positionals;
  if (values.help || command === undefined || rest.length > 0 || (operand !== undefined && command !== "verify")) {
    (values.help ? process.stdout : process.stderr).write(usage);
    return values.help ? 0 : 2;
  }
  const config = agentConfig(values.state);
  switch (command) {
    case "enrol":
      return enrol(config, { bundle: values.bundle, tokenFile: values["token-file"], isWaiting: !values["no-wait"], relay: values.relay, relayValidation: values["relay-validation"] });
    case "run":
      return runAgent(config);
    case "status":
      return showStatus(config, values.json ?? false);
    case "logs":
      return showLogs(config, { isFollowing: values.follow ?? false, lines: numberOf(values.lines, 200, 100_000) });
    case "diagnose":
      return diagnose(config, values.json ?? false);
    case "proxy":
      return runProxy(config, numberOf(values.port, 4480, 65_535));
    case "relay":
      return showRelay(config, { relay: values.relay, validation: values["relay-validation"] });
    case "verify":
      return verifyBundle(operand ?? values.bundle, values.json ?? false);
    case "version":
      process.stdout.write(`${agentVersion}\n`);
      return 0;
    default:
      process.stderr.write(`There is no command ${JSON.stringify(command)}.\n\n${usage}`);
      return 2;
  }
}

function numberOf(text: string | undefined, standard: number, max: number): number {
  const value = text === undefined ? standard : Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max) throw new TypeError(`expected a whole number from 0 to ${max}, got ${JSON.stringify(text)}`);
  return value;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const sentence = error instanceof AgentError ? `${error.code}: ${error.explanation}` : error instanceof Error ? error.message : String(error);
    process.stderr.write(`sallyport-agent: ${sentence}\n`);
    process.exit(error instanceof TypeError ? 2 : 1);
  },
);
