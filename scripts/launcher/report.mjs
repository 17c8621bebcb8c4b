/** What the launcher says: one line for each step with its time, and on failure one sentence with what to do. */

/** A failure that the person can do something about: `message` is the sentence, `details` the last lines of a log. */
export class StartError extends Error {
  constructor(message, { details = "", cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.details = details;
  }
}

let isMuted = false;

/** A stop cuts steps short; that they then fail is no news. */
export function muteSteps() {
  isMuted = true;
}

/**
 * Runs one step and prints `  ok  name  1.2 s  what it says`. The step returns what to say, or nothing.
 * @param {string} name
 * @param {() => Promise<string | void> | string | void} work
 */
export async function step(name, work) {
  const begun = performance.now();
  const elapsed = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`.padStart(7);
  try {
    const said = await work();
    say(`  ok      ${name.padEnd(20)} ${elapsed()}  ${said ?? ""}`.trimEnd());
  } catch (error) {
    if (!isMuted) say(`  failed  ${name.padEnd(20)} ${elapsed()}`);
    throw error;
  }
}

/** Prints a line; a reader that went away (`npm start | head`) is no reason to stop. */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Prints why a start ended. */
export function sayFailure(error) {
  if (error instanceof StartError || error?.constructor?.name === "PostgresError") {
    process.stderr.write(`\n${error.message}\n${error.details ? `\n${indent(error.details)}\n` : ""}`);
    return;
  }
  process.stderr.write(`\nSomething failed that should not; please report it with the following lines.\n${indent(String(error?.stack ?? error))}\n`);
}

function indent(text) {
  return text.trimEnd().split("\n").map((line) => `    ${line}`).join("\n");
}

process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
