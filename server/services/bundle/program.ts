/** The agent's program as one file, and the other files of a bundle that are the same for everybody. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { ConsoleError } from "../../errors.ts";
import { projectRoot } from "../../project-root.ts";

const run = promisify(execFile);

let bundled: Promise<Buffer> | undefined;

/** `agent/main.ts` with all it imports, as one module for Bun and Node; built once per process, some 100 ms. */
export function agentProgram(): Promise<Buffer> {
  bundled ??= bundleProgram().catch((error: unknown) => {
    bundled = undefined;
    throw error;
  });
  return bundled;
}

async function bundleProgram(): Promise<Buffer> {
  const entry = path.join(projectRoot(), "agent", "main.ts");
  const tool = path.join(projectRoot(), "node_modules", "esbuild", "bin", "esbuild");
  try {
    const [program, ...first] = isNativeProgram(tool) ? [tool] : [process.execPath, tool];
    const { stdout } = await run(program, [...first, ...buildOptions(entry)], { encoding: "buffer", maxBuffer: 32 * 1024 * 1024, cwd: projectRoot() });
    return stdout;
  } catch (cause) {
    throw new ConsoleError("internal", "The agent's program could not be packed; the log says why.", { cause });
  }
}

function buildOptions(entry: string): string[] {
  return [entry, "--bundle", "--platform=node", "--target=node20", "--format=esm", "--legal-comments=none", "--log-level=warning"];
}

/** esbuild's own installer may replace its script by the program itself. */
function isNativeProgram(file: string): boolean {
  const start = Buffer.alloc(4);
  const descriptor = fs.openSync(file, "r");
  try {
    fs.readSync(descriptor, start, 0, 4, 0);
  } finally {
    fs.closeSync(descriptor);
  }
  return start.equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
}

/** Scripts and texts from deploy/agent; `true` marks what is started. */
const deployFiles: Record<string, boolean> = { "sallyport-agent": true, "install.sh": true, "uninstall.sh": true, "sallyport-agent.service": false, "README.txt": false };

export type BundleFile = { name: string; content: Buffer; isExecutable: boolean };

export async function deployedFiles(): Promise<BundleFile[]> {
  const directory = path.join(projectRoot(), "deploy", "agent");
  return Promise.all(Object.entries(deployFiles).map(async ([name, isExecutable]) => ({ name, isExecutable, content: await fs.promises.readFile(path.join(directory, name)) })));
}
