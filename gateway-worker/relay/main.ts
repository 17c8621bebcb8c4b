/** The relay as a program of its own: one file, `relay run | id | check | status | version` (commands.ts). Plain Node or Bun run it. */
import { relayCommand } from "./commands.ts";
import { explain } from "../errors.ts";
import { RelayError } from "./errors.ts";

process.on("unhandledRejection", (error) => process.stderr.write(`a promise was rejected and nobody listened: ${explain(error)}\n`));

try {
  process.exitCode = await relayCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof RelayError ? error.message : explain(error)}\n`);
  process.exitCode = 1;
}
