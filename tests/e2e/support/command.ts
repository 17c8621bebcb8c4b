/** Runs the product's own programs and stock ones as a person would, and gives back what they printed. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { root } from "./installation.ts";

export type Outcome = { code: number; stdout: string; stderr: string };

/** Runs a program to its end; never throws for an exit code. */
export async function run(program: string, args: string[], options: { env?: Record<string, string>; input?: string; timeoutMs?: number; cwd?: string } = {}): Promise<Outcome> {
  return await new Promise((resolve) => {
    const child = execFile(program, args, { env: { ...process.env, ...options.env }, timeout: options.timeoutMs ?? 60_000, maxBuffer: 64 * 1024 * 1024, ...(options.cwd ? { cwd: options.cwd } : {}) }, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, stdout, stderr });
    });
    child.stdin?.on("error", () => undefined); // the program may end before it read all
    child.stdin?.end(options.input ?? "");
  });
}

/** The `sallyport` command with `--json`; throws with what it printed when it fails. */
export async function sallyport<T>(env: Record<string, string>, args: string[], input?: string): Promise<T> {
  const outcome = await run(process.execPath, [join(root, "cli/bin.mjs"), ...args, "--json"], { env, ...(input === undefined ? {} : { input }) });
  if (outcome.code !== 0) throw new Error(`sallyport ${args.join(" ")} ended with ${outcome.code}:\n${outcome.stdout}${outcome.stderr}`);
  return JSON.parse(outcome.stdout || "null") as T;
}
