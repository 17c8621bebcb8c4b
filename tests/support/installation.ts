/**
 * Starts a whole installation for the browser tests, as `npm start` does, in a temporary data directory and on free ports.
 * The tests find it in the environment: SALLYPORT_E2E_URL (console), SALLYPORT_E2E_DATA (data directory) and the port variables of the launcher.
 * The first administrator's link is in the file `setup-link` of the data directory.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { freePort } from "../../scripts/embedded-postgres.mjs";

const root = path.resolve(import.meta.dirname, "..", "..");
const startWithinMs = 240_000;

export default async function startInstallation(): Promise<() => Promise<void>> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-e2e-"));
  fs.chmodSync(directory, 0o711); // started by root, PostgreSQL runs as another user who must be able to enter
  await takePorts();
  process.env["SALLYPORT_E2E_DATA"] = directory;
  process.env["SALLYPORT_E2E_URL"] = `http://localhost:${process.env["SALLYPORT_CONSOLE_PORT"]}`;
  const { DATABASE_URL: _machines, ...environment } = process.env;
  const launcher = spawn(process.execPath, [path.join(root, "scripts", "start.mjs")], { cwd: root, env: { ...environment, SALLYPORT_DATA: directory }, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [launcher.stdout, launcher.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const exited = new Promise<number | null>((resolve) => launcher.once("exit", resolve));
  const ready = await Promise.race([waitFor(() => printed.includes("Sallyport is ready")), exited.then(() => false)]);
  if (!ready) {
    launcher.kill("SIGTERM");
    throw new Error(`The installation for the browser tests did not start:\n${printed}`);
  }
  return async () => {
    launcher.kill("SIGTERM");
    await exited;
    if (process.env["SALLYPORT_E2E_KEEP"] !== "1") fs.rmSync(directory, { recursive: true, force: true });
  };
}

async function takePorts(): Promise<void> {
  for (const name of ["CONSOLE", "AGENT_SITE", "CONTROL", "TUNNEL", "METRICS"]) process.env[`SALLYPORT_${name}_PORT`] = String(await freePort());
}

async function waitFor(condition: () => boolean): Promise<boolean> {
  const deadline = Date.now() + startWithinMs;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return true;
}
