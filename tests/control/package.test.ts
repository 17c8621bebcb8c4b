/** The gateway package as a person gets it: unpacked with plain tar, checked with sha256sum, run by hand against the console. */
import "../support/with-database.ts";
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, createWriteStream, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import type net from "node:net";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serviceCreate } from "../../contract/service-objects.ts";
import { ControlBench, echoThrough, openTunnel } from "../support/control-bench.ts";
import { type CountingServer, countingServer, echoServer, freePort, until } from "../support/sockets.ts";

/** Root may give itself a view of the file system in which nothing outside is changed; elsewhere the tests that install are skipped. */
const mayInstall = spawnSync("unshare", ["-m", "true"]).status === 0 && spawnSync("id", ["-u"]).stdout.toString().trim() === "0";

let bench: ControlBench;
let echo: CountingServer;
let gateway: { id: string; port: number };
let folder: string;

beforeAll(async () => {
  bench = await ControlBench.start();
  echo = await echoServer();
  gateway = await bench.gateway({ name: "Branch $(reboot) `gateway`", serverIds: [await bench.server("echo.internal", echo.port)] });
  await bench.db.gateway.update({ where: { id: gateway.id }, data: { serviceAccount: "gw_svc-7" } });
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

/** A service of protocol http is served by the packaged HTTP engine. */
async function expectHttpService(): Promise<void> {
  const { createService } = await import("../../server/services/virtual-service/create.ts");
  const web = http.createServer((_request, response) => response.end("from the member"));
  const member = await new Promise<number>((resolve) => web.listen(0, "127.0.0.1", () => resolve((web.address() as net.AddressInfo).port)));
  const port = await freePort();
  const pool = { name: "web", members: [{ name: "web", host: "127.0.0.1", port: member }] };
  await createService(bench.caller, serviceCreate.parse({ name: "web", gatewayIds: [gateway.id], address: "127.0.0.1", port, mode: "tcp", protocol: "http", pool }));
  const get = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${port}/`)).text();
  await until(async () => (await get().catch(() => "")) === "from the member", "the packaged HTTP engine serves", 20_000);
  web.closeAllConnections();
  web.close();
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

  it("runs by hand, enrols, and carries a tunnel like the first-run gateway, and an HTTP service [S1-22] [S1-26] [S1-32]", { timeout: 90_000 }, async () => {
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
      await expectHttpService();
    } finally {
      gatewayProcess.kill("SIGTERM");
    }
    expect(await exited).toBe(0);
    expect(output).not.toContain("PRIVATE KEY");
  });
});

describe("the installer of a gateway package", () => {
  /** Runs the installer where `systemctl` only writes down what it was told, /opt, /var/lib and /usr/local/bin are empty, and /etc is a copy. */
  function install(from: string, argument: string, after = ""): { status: number | null; output: string } {
    const fakes = path.join(bench.folder, "fakes");
    mkdirSync(fakes, { recursive: true });
    writeFileSync(path.join(fakes, "systemctl"), '#!/bin/sh\necho "systemctl $*"\ncase "$1" in\n  is-active) exit 3 ;;\n  enable) printf \'#!/bin/sh\\necho "told: $1"\\n\' > /opt/sallyport-gateway/sallyport-gateway ;;\nesac\n');
    chmodSync(path.join(fakes, "systemctl"), 0o755);
    const etc = mkdtempSync(path.join(bench.folder, "etc-"));
    cpSync("/etc", etc, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.startsWith("/etc/ssl") });
    const script = ['set -eu', 'for folder in /opt /var/lib /usr/local/bin /run; do mount -t tmpfs none "$folder"; done', 'mount --bind "$1" /etc', "mkdir -p /run/systemd/system /etc/systemd/system", 'sh "$2/install.sh" $3', after].join("\n");
    const result = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", etc, from, argument], { encoding: "utf8", env: { NODE_ENV: "test", PATH: `${fakes}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin` } });
    return { status: result.status, output: `${result.stdout}${result.stderr}` };
  }

  it.skipIf(!mayInstall)("says everything that is missing at once, and changes nothing before all is there (root with a mount namespace only) [S1-25]", { timeout: 60_000 }, async () => {
    expect(install(folder, "--check")).toMatchObject({ status: 0, output: expect.stringContaining("it would run as the user gw_svc-7") });
    const broken = path.join(bench.folder, "broken");
    cpSync(folder, broken, { recursive: true });
    writeFileSync(path.join(broken, "runtime", "node"), "#!/bin/sh\nexit 1\n");
    const taken: CountingServer = await countingServer(() => {});
    writeFileSync(path.join(broken, "ports"), `${taken.port}\n`);
    const { status, output } = install(broken, "");
    await taken.close();
    expect(status).toBe(1);
    for (const sentence of ["nothing was changed", "a file of the package is damaged", "the packaged runtime does not start here", `TCP port ${taken.port} is taken by another program`]) expect(output).toContain(sentence);
    expect(output).not.toContain("systemctl enable");
  });

  it.skipIf(!mayInstall)("makes the service account named in the console, gives it the state, and runs the service as it (root with a mount namespace only) [S1-31] [S1-25]", { timeout: 60_000 }, () => {
    writeFileSync(path.join(folder, "token"), "sp1.gateway.again\n", { mode: 0o600 });
    const { status, output } = install(folder, "", 'stat -c "%U %G %a %n" /var/lib/sallyport-gateway /var/lib/sallyport-gateway/token; id gw_svc-7; cat /etc/systemd/system/sallyport-gateway.service; sh /opt/sallyport-gateway/uninstall.sh; id gw_svc-7 2>&1 || true');
    expect([status, output]).toEqual([0, expect.stringContaining("gw_svc-7 gw_svc-7 700 /var/lib/sallyport-gateway\n")]);
    expect(output).toContain("gw_svc-7 gw_svc-7 600 /var/lib/sallyport-gateway/token");
    expect(output).toMatch(/^User=gw_svc-7$/m);
    expect(output).toContain("systemctl enable --now sallyport-gateway");
    expect(output).toMatch(/id: .gw_svc-7.: no such user/);
  });

  it.skipIf(!mayInstall)("does not run commands of root with an account that is none (root with a mount namespace only) [S1-31]", { timeout: 60_000 }, () => {
    for (const account of ["root", "", "-o", "a b", "$(touch /tmp/never)", "x;y", "Admin"]) {
      const tampered = mkdtempSync(path.join(bench.folder, "tampered-"));
      for (const name of ["install.sh", "sallyport-gateway.service", "ports"]) cpSync(path.join(folder, name), path.join(tampered, name));
      const unit = path.join(tampered, "sallyport-gateway.service");
      writeFileSync(unit, readFileSync(unit, "utf8").replace(/^User=.*$/m, () => `User=${account}`));
      expect(install(tampered, "--check")).toMatchObject({ status: 1, output: expect.stringContaining(`the service account '${account}' is no name for a system user`) });
    }
  });

  it("takes only account names that are safe in every file and command, never root [S1-31]", async () => {
    const { gatewayCreate } = await import("../../contract/objects.ts");
    const takes = (serviceAccount: string): boolean => gatewayCreate.safeParse({ name: "gw", serviceAccount }).success;
    for (const name of ["sallyport-gateway", "_gw", "svc_gateway-2", "a".repeat(32)]) expect([name, takes(name)]).toEqual([name, true]);
    for (const name of ["root", "", "-gw", "2gw", "Gw", "a b", "a\nUser=root", "a;b", "$(id)", "a%i", "a".repeat(33)]) expect([name, takes(name)]).toEqual([name, false]);
    expect(gatewayCreate.parse({ name: "gw" }).serviceAccount).toBe("sallyport-gateway");
  });
});
