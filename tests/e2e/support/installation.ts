/** A whole installation for one test file: what `npm start` brings up, on free ports and in a data directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../../..");

export type Installation = {
  /** Address of the console as people open it. */
  url: string;
  ports: { console: number; agentSite: number; control: number; tunnel: number; metrics: number };
  dataDirectory: string;
  /** What the launcher printed so far. */
  output: () => string;
  /** Content of the one-time set-up link, once. */
  setupLink: () => string;
  /** Starts again on the same data and ports after `stop` or `kill`. */
  start: () => Promise<void>;
  /** Ctrl-C: SIGINT to the whole process group. Resolves when the launcher is gone. */
  stop: () => Promise<number | null>;
  /** Process id of a part, from the launcher's pid files. */
  pidOf: (part: "console" | "gateway") => number;
  /** Stops and deletes the data. */
  remove: () => Promise<void>;
};

/** Starts an installation; resolves when console and gateway are ready. `environment` is laid over the process's own. */
export async function startInstallation(environment: Record<string, string> = {}): Promise<Installation> {
  const [console, agentSite, control, tunnel, metrics] = await freePorts(5);
  const ports = { console, agentSite, control, tunnel, metrics } as Installation["ports"];
  const parent = mkdtempSync(join(tmpdir(), "sallyport-e2e-"));
  chmodSync(parent, 0o711); // started by root, PostgreSQL runs as another user who must be able to enter
  const dataDirectory = join(parent, "data");
  const { DATABASE_URL: _machines, ...inherited } = process.env;
  let child: ChildProcess | undefined;
  let text = "";

  const start = async (): Promise<void> => {
    text = "";
    child = spawn(process.execPath, [join(root, "scripts/start.mjs")], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...inherited, SALLYPORT_DATA: dataDirectory, SALLYPORT_CONSOLE_PORT: String(console), SALLYPORT_AGENT_SITE_PORT: String(agentSite),
        SALLYPORT_CONTROL_PORT: String(control), SALLYPORT_TUNNEL_PORT: String(tunnel), SALLYPORT_METRICS_PORT: String(metrics), SALLYPORT_AGENT_SITE_HOST: "127.0.0.1", NODE_OPTIONS: "", ...environment,
      },
    });
    child.stdout?.on("data", (data: Buffer) => (text += data.toString()));
    child.stderr?.on("data", (data: Buffer) => (text += data.toString()));
    await until(async () => {
      if (child?.exitCode !== null) throw new Error(`npm start ended with code ${child?.exitCode}:\n${text}`);
      return (await answers(`http://localhost:${console}/readyz`)) && (await answers(`http://127.0.0.1:${metrics}/readyz`));
    }, 280_000, () => `the installation was not ready:\n${text}`);
  };

  const stop = async (): Promise<number | null> => {
    const running = child;
    if (!running || running.exitCode !== null || running.pid === undefined) return running?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => running.once("exit", resolve));
    process.kill(-running.pid, "SIGINT");
    return await gone;
  };

  const installation: Installation = {
    url: `http://localhost:${console}`, ports, dataDirectory, start, stop,
    output: () => text,
    setupLink: () => readFileSync(join(dataDirectory, "setup-link"), "utf8").trim(),
    pidOf: (part) => Number(readFileSync(join(dataDirectory, "run", `${part}.pid`), "utf8")),
    remove: async () => {
      await stop();
      rmSync(parent, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    await installation.remove();
    throw error;
  }
  return installation;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

/** Polls `condition` until it holds; throws what `describe` says after `timeoutMs`. */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs: number, describe: () => string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${describe()} (waited ${timeoutMs} ms)`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Distinct free TCP ports on this machine. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, resolve));
    return server;
  }));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  });
  await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
  return ports;
}
