/** The gateway package as a person gets it: unpacked with plain tar, checked with sha256sum, run by hand against the console. */
import "../support/with-database.ts";
import { execFile, execFileSync, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ControlBench, echoThrough, openTunnel } from "../support/control-bench.ts";
import { type CountingServer, echoServer, until } from "../support/sockets.ts";

let bench: ControlBench;
let echo: CountingServer;
let gateway: { id: string; port: number };
let folder: string;

beforeAll(async () => {
  bench = await ControlBench.start();
  echo = await echoServer();
  gateway = await bench.gateway({ name: "Branch $(reboot) `gateway`", serverIds: [await bench.server("echo.internal", echo.port)] });
}, 120_000);
afterAll(async () => {
  await bench.close();
  await echo.close();
});

/** Asks for the package as the console's page does, and downloads it once. */
async function download(): Promise<string> {
  const { createGatewayPackage } = await import("../../server/services/gateway/package.ts");
  const { openDownload } = await import("../../server/services/download/open.ts");
  const reply = await createGatewayPackage(bench.caller, { id: gateway.id });
  const opened = await openDownload(bench.caller, reply.url.split("/").at(-1) ?? "");
  const target = mkdtempSync(path.join(bench.folder, "package-"));
  const file = path.join(target, opened.fileName);
  await pipeline(opened.stream, createWriteStream(file));
  await expect(openDownload(bench.caller, reply.url.split("/").at(-1) ?? "")).rejects.toMatchObject({ code: "not-found" });
  return file;
}

describe("a downloaded gateway package", () => {
  it("unpacks with tar, fits its checksums, and keeps its token private [S1-23] [S1-24] [T40]", { timeout: 120_000 }, async () => {
    const file = await download();
    expect(path.basename(file)).toMatch(/^sallyport-gateway-[a-z0-9-]+\.tar\.gz$/);
    execFileSync("tar", ["-xzf", file, "-C", path.dirname(file)]);
    folder = path.join(path.dirname(file), "sallyport-gateway");
    execFileSync("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: folder });
    expect(statSync(path.join(folder, "token")).mode & 0o777).toBe(0o600);
    expect(readFileSync(path.join(folder, "token"), "utf8")).toMatch(/^sp1\.gateway\./);
    for (const script of ["install.sh", "uninstall.sh", "sallyport-gateway"]) {
      execFileSync("sh", ["-n", path.join(folder, script)]);
      expect(readFileSync(path.join(folder, script), "utf8")).not.toContain("reboot");
    }
  });

  it("is ready for the next download without compressing the runtimes again", async () => {
    const startedAt = performance.now();
    await download();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it("runs by hand, enrols, and carries a tunnel like the first-run gateway [S1-22] [S1-26] [S1-32]", { timeout: 90_000 }, async () => {
    const environment: NodeJS.ProcessEnv = { PATH: process.env["PATH"] ?? "", SALLYPORT_METRICS_PORT: "0", NODE_ENV: "production" };
    const command = path.join(folder, "sallyport-gateway");
    const gatewayProcess = spawn(command, ["run"], { env: environment, stdio: ["ignore", "pipe", "pipe"], cwd: "/" });
    let output = "";
    for (const stream of [gatewayProcess.stdout, gatewayProcess.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    const exited = new Promise<number | null>((resolve) => gatewayProcess.once("exit", resolve));
    try {
      // Not in step with this process: the console that the gateway talks to lives here.
      const ask = async (...args: string[]): Promise<string> => (await promisify(execFile)(command, args, { env: environment })).stdout;
      const status = async (): Promise<Record<string, unknown> | undefined> => {
        try {
          return JSON.parse(await ask("status", "--json")) as Record<string, unknown>;
        } catch {
          return undefined; // not serving yet: a code other than 0
        }
      };
      await until(async () => (await status())?.["notReady"] === null, "the packaged gateway serves", 40_000).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${output}`);
      });
      const agent = await bench.agent(gateway);
      const { revision } = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
      await until(async () => (await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).appliedRevision >= revision, "the policy is live");
      const tunnel = await openTunnel(gateway, agent, `echo.internal:${echo.port}`);
      expect(await echoThrough(tunnel, "from a package")).toBe("from a package");
      tunnel.destroy();
      const { presentedCertificateId } = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
      const certificate = await bench.db.certificate.findUniqueOrThrow({ where: { id: presentedCertificateId ?? "" } });
      expect(await ask("fingerprint")).toContain(certificate.fingerprint);
      expect((await status())?.["status"]).toMatchObject({ engines: expect.arrayContaining([expect.objectContaining({ runtime: expect.stringMatching(/bun/i) })]) });
    } finally {
      gatewayProcess.kill("SIGTERM");
    }
    expect(await exited).toBe(0);
    expect(output).not.toContain("PRIVATE KEY");
  });
});
