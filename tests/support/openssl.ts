/** The `openssl` program, where the machine has it: a second opinion on what we issue, and a maker of files that we must be able to read. */
import { spawnSync } from "node:child_process";

/** False on a machine without openssl: tests that need it are skipped, and the title says so. */
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** Runs openssl in `cwd`; its standard output as text. Throws with its complaint when it fails. */
export function openssl(cwd: string, ...args: string[]): string {
  const result = spawnSync("openssl", args, { cwd, encoding: "utf8", maxBuffer: 8 * 1024 * 1024 });
  if (result.status !== 0) throw new Error(`openssl ${args.join(" ")} failed: ${result.stderr}`);
  return result.stdout;
}

/** The same, as bytes. */
export function opensslBytes(cwd: string, ...args: string[]): Buffer {
  const result = spawnSync("openssl", args, { cwd, maxBuffer: 8 * 1024 * 1024 });
  if (result.status !== 0) throw new Error(`openssl ${args.join(" ")} failed: ${result.stderr.toString()}`);
  return result.stdout;
}
