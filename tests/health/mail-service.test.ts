/** A mail service from the console's form to a real postfix behind a real nginx: what operators read, and what clients get, while the MTA and the proxy are stopped. */
import "../support/with-database.ts";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { healthHistory, serviceCreate } from "../../contract/service-objects.ts";
import { ControlBench, type Worker } from "../support/control-bench.ts";
import { type Daemon, hasNginxStream, startNginx } from "../support/daemons.ts";
import { hasPostfix, type Mta, startPostfix } from "../support/mail.ts";
import { freePort, until } from "../support/sockets.ts";

const canRun = hasPostfix && hasNginxStream;
const intervalMs = 2_000;
/** The console hears of a change with the gateway's next report. */
const reportMs = 2_000;

let bench: ControlBench;
let worker: Worker;
let mta: Mta;
let front: Daemon;
let ports: { front: number; mta: number; service: number };
let poolId: string;

async function startFront(): Promise<void> {
  front = await startNginx({ stream: `server { listen 127.0.0.1:${ports.front}; proxy_pass 127.0.0.1:${ports.mta}; proxy_connect_timeout 1s; }`, ports: [ports.front] });
}

async function makeService(gatewayId: string): Promise<string> {
  const { createService } = await import("../../server/services/virtual-service/create.ts");
  const healthCheck = { kind: "smtp", intervalMs, timeoutMs: 1_000, rise: 2, fall: 3, nextHop: { host: "127.0.0.1", port: ports.mta } };
  const pool = { name: "mail proxies", scheduling: "failover", healthCheck, members: [{ name: "mail1", host: "127.0.0.1", port: ports.front }] };
  const { id } = await createService(bench.caller, serviceCreate.parse({ name: "mail", gatewayIds: [gatewayId], address: "127.0.0.1", port: ports.service, mode: "tcp", protocol: "tcp", pool }));
  return (await bench.db.virtualService.findUniqueOrThrow({ where: { id } })).poolId;
}

/** The newest change, as the console's history page gets it. */
async function newest(): Promise<{ state: string; cause: string } | undefined> {
  const { poolHistory } = await import("../../server/services/pool/history.ts");
  return (await poolHistory(bench.caller, healthHistory.parse({ id: poolId }))).rows[0];
}

/** Milliseconds until the history begins with this state. */
async function told(state: string): Promise<number> {
  const began = performance.now();
  await until(async () => (await newest())?.state === state, `the history says ${state}`, 5 * intervalMs + reportMs);
  return performance.now() - began;
}

/** What a mail client of the service gets: its first line, or how the connection ended. */
async function greeting(): Promise<string> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port: ports.service });
    let text = "";
    socket.on("error", () => {}).on("close", () => resolve(text));
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      if (text.includes("\n")) socket.destroy();
    });
  });
}

async function refusals(): Promise<number> {
  return await bench.db.refusal.count({ where: { code: "service-no-member" } });
}

describe.skipIf(!canRun)(`a mail service in front of a mail proxy${canRun ? "" : " (skipped: needs root, postfix and nginx with its stream module)"}`, () => {
  beforeAll(async () => {
    ports = { front: await freePort(), mta: await freePort(), service: await freePort() };
    mta = await startPostfix({ port: ports.mta });
    await startFront();
    bench = await ControlBench.start();
    const gateway = await bench.gateway();
    worker = bench.worker({ token: await bench.token(gateway.id) });
    await worker.serving();
    poolId = await makeService(gateway.id);
  }, 120_000);
  afterAll(async () => {
    await bench.close();
    await front.stop();
    await mta.remove();
  });

  it("tells next hop down, down and up apart in history and log, and goes on sending clients to a member whose next hop is gone [N6] [S3-16] [S3-17] [S3-18] [S3-19]", async () => {
    await told("up");
    expect(await greeting()).toMatch(/^220 mta\.corp\.example/);

    await mta.stop();
    expect(await told("next-hop")).toBeLessThan(2 * intervalMs + reportMs);
    const { cause = "" } = (await newest()) ?? {};
    expect(cause).toMatch(new RegExp(`^mail1: up; next hop 127\\.0\\.0\\.1:${ports.mta} refused the connection`));
    expect(worker.output).toContain(cause);
    // The client comes as far as the proxy, which is still the member: no refusal of ours.
    expect(await greeting()).toBe("");
    expect(await refusals()).toBe(0);

    await mta.start();
    expect(await told("up")).toBeLessThan(2 * intervalMs + reportMs);
    expect(await greeting()).toMatch(/^220 mta\.corp\.example/);

    await front.stop();
    expect(await told("down")).toBeLessThan(2 * intervalMs + reportMs);
    expect((await newest())?.cause).toBe(`mail1: down; 127.0.0.1:${ports.front} refused the connection`);
    // Now nobody can take the client: the stated answer of a TCP service is a closed connection.
    expect(await greeting()).toBe("");
    await until(async () => (await refusals()) > 0, "the refusal is told");

    await startFront();
    expect(await told("up")).toBeLessThan(2 * intervalMs + reportMs);
    expect(await greeting()).toMatch(/^220 mta\.corp\.example/);
  }, 120_000);
});
