/** The `sallyport` command: nouns and verbs over /api/v1. Exit codes: 0 done, 1 refused or failed, 2 the command line does not fit. */
import { Command, CommanderError } from "commander";
import about from "../package.json" with { type: "json" };
import { addBundle } from "./commands/bundle.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addForward } from "./commands/forward.ts";
import { addGateway } from "./commands/gateway.ts";
import { addGuide } from "./commands/guide.ts";
import { addLint } from "./commands/lint.ts";
import { addPolicy } from "./commands/policy.ts";
import { addRefusals } from "./commands/refusals.ts";
import { addSession } from "./commands/session.ts";
import { addSheets } from "./commands/sheet.ts";
import { addSshProxy } from "./commands/ssh-proxy.ts";
import { CliError } from "./errors.ts";
import { addGeneric, type Shared } from "./generic.ts";
import { plain, printJson, type Screen } from "./output.ts";

const terminal: Screen = { out: (text) => void process.stdout.write(text), err: (text) => void process.stderr.write(text), width: process.stdout.isTTY ? process.stdout.columns : 10_000 };

/** Runs one command line (without `node` and the program's name). Never throws; returns the exit code. */
export async function main(args: readonly string[], screen: Screen = terminal): Promise<number> {
  const isJson = args.includes("--json");
  const program = buildProgram({ screen, isJson: () => isJson });
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    return report(error, screen, isJson);
  }
}

export function buildProgram(shared: Shared): Command {
  const program = new Command("sallyport")
    .description("Manage Sallyport from a terminal or a script: everything the console can do, over its REST API.")
    .version(about.version, "-V, --version", "print the version")
    .option("--json", "print the console's answer as JSON; errors too, on the error stream")
    .showHelpAfterError("(add --help for what it takes)")
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ sortSubcommands: true })
    .configureOutput({ writeOut: shared.screen.out, writeErr: shared.screen.err })
    .addHelpText("after", afterHelp);
  for (const add of [addSession, addDoctor, addGuide, addLint, addGateway, addBundle, addPolicy, addRefusals, addSheets, addSshProxy, addForward, addGeneric]) add(program, shared);
  for (const command of everyCommand(program)) command.exitOverride().configureOutput({ writeOut: shared.screen.out, writeErr: shared.screen.err }).option("--json", "print JSON");
  return program;
}

const afterHelp = `
First steps:
  sallyport setup --link .sallyport/setup-link   make the first owner and a key (on the console's machine)
  sallyport login --url https://console.example  sign in elsewhere
  sallyport guide status                         what is done, what comes next
  sallyport agent list
  ssh -o ProxyCommand="sallyport ssh-proxy %h %p" user@AGENT

Environment: SALLYPORT_URL, SALLYPORT_API_KEY (instead of the stored ones).
A key is never taken from the command line: other people on the machine could read it there.
Exit codes: 0 done, 1 refused or failed, 2 the command line does not fit.`;

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)]);
}

function report(error: unknown, screen: Screen, isJson: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const known = error instanceof CliError ? error : new CliError(error instanceof Error ? error.message : String(error), { code: "internal", cause: error });
  if (isJson) {
    printJson({ ...screen, out: screen.err }, { error: { code: known.code, message: known.message, details: known.details } });
  } else {
    screen.err(`sallyport: ${plain(known.message)}\n`);
    for (const line of known.details) screen.err(`  ${plain(line)}\n`);
  }
  return known.exitCode;
}
