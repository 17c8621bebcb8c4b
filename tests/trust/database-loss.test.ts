/** The console without its database: it says so, waits, and is back by itself. */
import { testDatabase } from "../support/with-database.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { type ConsoleProcess, startConsoleProcess } from "./support/console-process.ts";
import { type DatabaseProxy, startDatabaseProxy } from "./support/database-proxy.ts";

let proxy: DatabaseProxy;
let running: ConsoleProcess;

beforeAll(async () => {
  proxy = await startDatabaseProxy(testDatabase.url);
  running = await startConsoleProcess({ DATABASE_URL: proxy.url });
  await running.ready();
});

async function readiness(): Promise<{ status: number; reason: string; tookMs: number }> {
  const started = performance.now();
  const response = await fetch(`${running.url}/readyz`);
  const body = (await response.json()) as { reason?: string };
  return { status: response.status, reason: body.reason ?? "", tookMs: performance.now() - started };
}

describe.each(["cut", "silence"] as const)("a database whose connections %s", (loss) => {
  it("does not end the console: /readyz tells why within 5 s, /healthz stays up, and it is back without a restart [H13] [T36]", async () => {
    proxy[loss]();
    const down = await readiness();
    expect(down).toMatchObject({ status: 503, reason: expect.stringContaining("database") as unknown });
    expect(down.tookMs).toBeLessThan(5_000);
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
    proxy.restore();
    await expect.poll(async () => (await readiness()).status, { timeout: 25_000, interval: 100 }).toBe(200);
    expect(running.child.exitCode).toBeNull();
  });
});
