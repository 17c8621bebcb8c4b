/** Runs a command to its end, with its output kept; `cancelCommands` ends those that are running when the person presses Ctrl-C. */
import { spawn } from "node:child_process";

const running = new Set();
const keptCharacters = 200_000;

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, echo?: boolean }} [options] `echo` also shows the output as it comes.
 * @returns {Promise<{ code: number | null, output: string }>} `code` is null when a signal ended it; 127 when it could not be started.
 */
export function runCommand(command, args, { cwd, env, echo = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (stream) => (chunk) => {
      output = (output + chunk).slice(-keptCharacters);
      if (echo) stream.write(chunk);
    };
    child.stdout.setEncoding("utf8").on("data", keep(process.stdout));
    child.stderr.setEncoding("utf8").on("data", keep(process.stderr));
    running.add(child);
    const done = (code, extra = "") => {
      running.delete(child);
      resolve({ code, output: output + extra });
    };
    child.once("error", (error) => done(127, error.message));
    child.once("close", (code) => done(code));
  });
}

/** Asks every running command to end. */
export function cancelCommands() {
  for (const child of running) child.kill("SIGTERM");
}

/** The last lines of a text that say something. */
export function lastLines(text, count = 15) {
  return text.split("\n").filter((line) => line.trim() !== "").slice(-count).join("\n");
}
