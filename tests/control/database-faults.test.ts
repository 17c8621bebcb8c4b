/** The database stops, crashes and comes back: the console says so, gateways and tunnels do not notice, and changes arrive afterwards (H13). A server of its own, because it is treated badly. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, makePassword, startEmbeddedPostgres } from "../../scripts/embedded-postgres.mjs";
import { applyMigrations } from "../../scripts/migration-engine.mjs";
import { type BenchAgent, ControlBench, echoThrough, openTunnel, type Worker } from "../support/control-bench.ts";
import { type CountingServer, echoServer, until } from "../support/sockets.ts";

let folder: string;
let options: Parameters<typeof startEmbeddedPostgres>[0];
let server: Awaited<ReturnType<typeof startEmbeddedPostgres>>;
let bench: ControlBench;
let echo: CountingServer;
let gateway: { id: string; port: number };
let agent: BenchAgent;
let worker: Worker;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "sallyport-fault-"));
  chmodSync(folder, 0o711); // started by root, the server runs as another user who must be able to enter
  options = { dataDirectory: path.join(folder, "data"), port: await freePort(), password: makePassword(), logFile: path.join(folder, "postgres.log"), settings: { shared_buffers: "32MB" }, initdbOptions: ["--no-sync"] };
  server = await startEmbeddedPostgres(options);
  await applyMigrations(server.url());
  process.env["DATABASE_URL"] = server.url();
  bench = await ControlBench.start();
  echo = await echoServer();
  gateway = await bench.gateway({ serverIds: [await bench.server("echo.internal", echo.port)] });
  agent = await bench.agent(gateway);
  worker = bench.worker({ token: await bench.token(gateway.id) });
  await worker.serving();
  await until(async () => (await row()).appliedRevision === (await row()).revision, "the gateway is up to date");
}, 90_000);
afterAll(async () => {
  await bench.close();
  await echo.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const row = async () => await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });

/** The server's main process and everything it started. */
function databaseProcesses(): number[] {
  const main = Number(readFileSync(path.join(options.dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]);
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]) === main;
    } catch {
      return false; // gone meanwhile
    }
  });
  return [main, ...children];
}

async function readiness(): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = "";
    const socket = tls.connect({ host: "localhost", port: bench.control.port, rejectUnauthorized: false }, () => socket.write("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"));
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk)).on("error", reject).on("close", () => resolve(text));
  });
}

describe.skipIf(process.platform !== "linux")("a database that", () => {
  it("answers nothing for a while costs no tunnel, and changes arrive when it goes on [H13] [N12]", { timeout: 90_000 }, async () => {
    const tunnel = await openTunnel(gateway, agent, `echo.internal:${echo.port}`);
    const stopped = databaseProcesses();
    for (const pid of stopped) process.kill(pid, "SIGSTOP");
    try {
      for (let round = 0; round < 6; round += 1) {
        expect(await echoThrough(tunnel, `round ${round}`)).toBe(`round ${round}`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      expect((await worker.ready()).status).toBe(200);
    } finally {
      for (const pid of stopped) process.kill(pid, "SIGCONT");
    }
    await bench.bump(gateway.id);
    await until(async () => (await row()).appliedRevision === (await row()).revision, "a change reaches the gateway", 40_000);
    expect(await echoThrough(tunnel, "after")).toBe("after");
    tunnel.destroy();
  });

  it("crashes and is started again is named by the console while it is away, and costs no tunnel [H13] [N12]", { timeout: 90_000 }, async () => {
    const tunnel = await openTunnel(gateway, agent, `echo.internal:${echo.port}`);
    for (const pid of databaseProcesses()) process.kill(pid, "SIGKILL");
    await server.exited;
    expect(await readiness()).toMatch(/^HTTP\/1\.1 503[^]*Connected gateways serve what they have/);
    expect(await echoThrough(tunnel, "no database")).toBe("no database");
    expect((await worker.view()).channel.state).toBe("subscribed");
    server = await startEmbeddedPostgres(options);
    await until(async () => await row().then(() => true, () => false), "the console reads it again", 30_000);
    await bench.bump(gateway.id);
    await until(async () => (await row()).appliedRevision === (await row()).revision, "a change reaches the gateway", 40_000);
    const revokedAt = performance.now();
    const ended = new Promise<number>((resolve) => tunnel.once("close", () => resolve(performance.now())));
    await bench.revoke(agent);
    expect((await ended) - revokedAt).toBeLessThan(5_000);
  });
});
