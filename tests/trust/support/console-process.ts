/** The console as a process of its own, with its own data directory and ports. Import "../support/with-database.ts" first, or give a DATABASE_URL. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { freePort } from "../../../scripts/embedded-postgres.mjs";

const program = path.resolve(import.meta.dirname, "..", "..", "..", "server", "main.ts");

export type ConsoleProcess = {
  child: ChildProcess;
  url: string;
  ports: { console: number; agentSite: number; control: number; tunnel: number };
  dataDirectory: string;
  /** All it has written so far. */
  printed: () => string;
  /** Resolves with exit code (null when a signal ended it). */
  exited: Promise<number | null>;
  /** Resolves when /readyz answers 200; rejects when the process ended before. */
  ready: () => Promise<void>;
};

/** Starts it; it is killed after the test file if it still runs. */
export async function startConsoleProcess(environment: Record<string, string | undefined> = {}, options: { stdin?: "ignore" | "pipe" } = {}): Promise<ConsoleProcess> {
  const dataDirectory = environment["SALLYPORT_DATA"] ?? fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-console-"));
  const ports = { console: await freePort(), agentSite: await freePort(), control: await freePort(), tunnel: await freePort() };
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env["PATH"], DATABASE_URL: process.env["DATABASE_URL"], SALLYPORT_DATA: dataDirectory, NODE_ENV: "production",
      SALLYPORT_CONSOLE_PORT: String(ports.console), SALLYPORT_AGENT_SITE_PORT: String(ports.agentSite), SALLYPORT_CONTROL_PORT: String(ports.control), SALLYPORT_TUNNEL_PORT: String(ports.tunnel),
      ...environment,
    },
    stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  afterAll(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
    fs.rmSync(dataDirectory, { recursive: true, force: true });
  });
  const url = `http://localhost:${environment["SALLYPORT_CONSOLE_PORT"] ?? ports.console}`;
  return { child, url, ports, dataDirectory, printed: () => text, exited, ready: () => becameReady(url, child, () => text) };
}

async function becameReady(url: string, child: ChildProcess, printed: () => string): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the console ended:\n${printed()}`);
    const status = await fetch(`${url}/readyz`).then((response) => response.status, () => 0);
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the console was not ready in time:\n${printed()}`);
}
