/** How a stream engine is started: the runtime's binary and the entry file. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export type EngineCommandOptions = { runtime: "bun" | "node"; enginePath?: string; bunPath?: string; nodePath?: string };

/** Path of the Bun binary that the optional dependency installed for this machine; undefined when there is none. */
export function installedBunPath(): string | undefined {
  const name = `@oven/bun-${process.platform === "win32" ? "windows" : process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/bun${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    return undefined;
  }
}

/** Throws when the runtime is not there. */
export function engineCommand(options: EngineCommandOptions): [string, ...string[]] {
  const entry = options.enginePath ?? fileURLToPath(new URL("../stream/main.ts", import.meta.url));
  if (options.runtime === "node") return [options.nodePath ?? process.execPath, "--no-warnings", entry];
  const bun = options.bunPath ?? installedBunPath();
  if (!bun) throw new Error("the Bun runtime is not installed for this machine; run npm install, or set SALLYPORT_RUNTIME=node");
  return [bun, "run", "--no-install", entry];
}
