/** Streams of one session beside each other, over TLS, on both runtimes. */
import { spawn } from "node:child_process";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { installedBunPath } from "../../gateway-worker/supervisor/engines.ts";
import { type Issued, TestCa } from "../support/pki.ts";

let certificate: Issued;
let caPem: string;
beforeAll(async () => {
  const ca = await TestCa.root();
  caPem = ca.certPem;
  certificate = await ca.issue({ dns: ["localhost"], usage: ["server"] });
});

function run(runtime: "bun" | "node", what: "stuck" | "far"): Promise<unknown> {
  const child = spawn(runtime === "bun" ? (installedBunPath() ?? "bun") : process.execPath, [path.join(import.meta.dirname, "yamux-load.ts"), JSON.stringify({ what, key: certificate.keyPem, cert: certificate.certPem, ca: caPem })], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  return new Promise((resolve, reject) => child.once("close", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`the load on ${runtime} ended with ${code}: ${out}`)))));
}

type Latency = { p50: number; p99: number; count: number };

describe.each(["bun", "node"] as const)("streams of one session on %s", (runtime) => {
  it("do not wait for one of 200 that nobody reads [T08]", async () => {
    const told = (await run(runtime, "stuck")) as { before: Latency; beside: Latency; sentToStuck: number; streams: number };
    expect([told.before.count, told.beside.count, told.streams]).toEqual([1_990, 1_990, 200]);
    // The window and what the sending stream's own buffer took, not the 100 MB that were written.
    expect(told.sentToStuck).toBeLessThan(600_000);
    // Generous for a busy machine: a stream that waited for the stuck one would wait for ever.
    expect(told.beside.p50).toBeLessThan(3 * told.before.p50 + 10);
    expect(told.beside.p99).toBeLessThan(3 * told.before.p99 + 50);
  });

  it("grow their windows until the path and not the window is the limit", async () => {
    const told = (await run(runtime, "far")) as { got: number; ms: number; roundTripMs: number };
    expect(told.got).toBe(25_000_000);
    expect(told.roundTripMs).toBeGreaterThan(59);
    const withInitialWindow = (25_000_000 / 262_144) * 60;
    expect(told.ms).toBeLessThan(withInitialWindow / 2);
  });
});
