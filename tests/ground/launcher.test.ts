import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { probeDatabase } from "../../scripts/database-probe.mjs";
import { isProgram, lockDataDirectory, openLog, prepareDataDirectory, refuseOldDatabase } from "../../scripts/launcher/data-directory.mjs";
import { requireSpace } from "../../scripts/launcher/dependencies.mjs";
import { readPorts, requireFreePorts } from "../../scripts/launcher/ports.mjs";
import { createTestDatabase } from "../support/database.ts";

const root = path.resolve(import.meta.dirname, "..", "..");
let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-launcher-"));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  fs.rmSync(directory, { recursive: true, force: true });
});

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await delay(25);
  }
}

describe("ports", () => {
  it("that are taken are named with the variable that changes them", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const ports = readPorts({ SALLYPORT_TUNNEL_PORT: String(port) }).filter(({ variable }) => variable === "SALLYPORT_TUNNEL_PORT");
    await expect(requireFreePorts(ports)).rejects.toThrow(new RegExp(`port ${port} \\(tunnel listener\\) is in use by another program.*SALLYPORT_TUNNEL_PORT`));
    await new Promise((resolve) => server.close(resolve));
    await expect(requireFreePorts(ports)).resolves.toBeUndefined();
  });

  it.each(["0", "65536", "-1", "4433x", "0x1151"])("are refused when they are no port: %s", (text) => {
    expect(() => readPorts({ SALLYPORT_CONSOLE_PORT: text })).toThrow(`SALLYPORT_CONSOLE_PORT is "${text}"`);
  });

  it("are refused when two doors would share one", () => {
    expect(() => readPorts({ SALLYPORT_CONSOLE_PORT: "4726" })).toThrow(/SALLYPORT_AGENT_SITE_PORT and SALLYPORT_CONSOLE_PORT both name port 4726/);
  });

  it("have the defaults of the design", () => {
    expect(readPorts({}).map(({ port }: { port: number }) => port)).toEqual([3000, 4726, 4730, 4433, 9464]);
  });
});

describe("the data directory", () => {
  it("is entered by nobody else, and takes one start at a time", async () => {
    const data = path.join(directory, "data");
    prepareDataDirectory(data);
    expect(fs.statSync(data).mode & 0o066).toBe(0);
    const holder = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "start.mjs"], { stdio: "ignore" });
    children.push(holder);
    await until(() => isProgram(holder.pid ?? 0, "start.mjs"), "the other start runs");
    fs.writeFileSync(path.join(data, "run", "start.lock"), `${holder.pid}\n`);
    expect(() => lockDataDirectory(data)).toThrow(new RegExp(`already runs from this data directory .*process ${holder.pid}`));
  });

  it("is taken over from a start that was killed", () => {
    const data = path.join(directory, "data");
    prepareDataDirectory(data);
    fs.writeFileSync(path.join(data, "run", "start.lock"), "999999\n");
    const release = lockDataDirectory(data);
    expect(fs.readFileSync(path.join(data, "run", "start.lock"), "utf8")).toBe(`${process.pid}\n`);
    release();
    expect(fs.existsSync(path.join(data, "run", "start.lock"))).toBe(false);
  });

  it("that cannot be made is named with its cure", () => {
    const file = path.join(directory, "file");
    fs.writeFileSync(file, "");
    expect(() => prepareDataDirectory(path.join(file, "data"))).toThrow(/cannot be written \(ENOTDIR\).*SALLYPORT_DATA/);
  });

  it("of an older PostgreSQL is refused, not damaged", () => {
    fs.mkdirSync(path.join(directory, "postgres"));
    fs.writeFileSync(path.join(directory, "postgres", "PG_VERSION"), "17\n");
    expect(() => refuseOldDatabase(directory, 18)).toThrow(/made by PostgreSQL 17, and this version brings PostgreSQL 18/);
    expect(() => refuseOldDatabase(directory, 17)).not.toThrow();
  });

  it("on a disk that is nearly full is refused with both figures", () => {
    expect(() => requireSpace(directory, 1_000_000, "for the test")).toThrow(/Only [\d.]+ GB are free.*1000000 GB/);
  });

  it("keeps three logs and never one of more than 10 MiB at a start", () => {
    prepareDataDirectory(directory);
    for (let start = 0; start < 5; start += 1) {
      fs.writeFileSync(openLog(directory, "console"), "");
      fs.truncateSync(openLog(directory, "console"), 11 * 2 ** 20);
    }
    expect(fs.existsSync(openLog(directory, "console"))).toBe(false);
    expect(fs.readdirSync(path.join(directory, "logs")).toSorted()).toEqual(["console.log.1", "console.log.2", "console.log.3"]);
  });
});

describe("DATABASE_URL", () => {
  it("is accepted when it leads to a PostgreSQL that can be used", async () => {
    const { url } = await createTestDatabase();
    expect(await probeDatabase(url)).toMatch(/^PostgreSQL 1[4-9]/);
  });

  it("with a wrong password is named without repeating it [T40]", async () => {
    const { url } = await createTestDatabase();
    const wrong = new URL(url);
    wrong.password = "not-the-password";
    const problem = await probeDatabase(wrong.href).catch((error: Error) => error.message);
    expect(problem).toMatch(/refused the user/);
    expect(problem).not.toContain("not-the-password");
  });

  it.each([
    ["mysql://localhost/x", /not the address of a PostgreSQL database/],
    ["localhost:5432", /not the address of a PostgreSQL database/],
    ["postgresql://a:b@127.0.0.1:9/x", /Nothing listens at 127\.0\.0\.1:9/],
    ["postgresql://a:b@nowhere.invalid/x", /does not resolve/],
  ])("%s is refused with its cure", async (url, sentence) => {
    await expect(probeDatabase(url)).rejects.toThrow(sentence);
  });

  it("to a database that does not exist names the command that makes it", async () => {
    const { url } = await createTestDatabase();
    const missing = new URL(url);
    missing.pathname = "/nowhere";
    await expect(probeDatabase(missing.href)).rejects.toThrow(/has no database nowhere.*createdb/);
  });
});

describe("a guarded child", () => {
  /** A launcher of one child; prints the child's process id. */
  function launcher(): ChildProcess & { childPid: Promise<number> } {
    const script = `
      import { spawnGuarded } from ${JSON.stringify(path.join(root, "scripts", "guarded-process.mjs"))};
      const child = spawnGuarded(process.execPath, ["-e", "process.on('SIGTERM', () => { console.log('stopping'); process.exit(7); }); setInterval(() => {}, 1000); console.log('up')"], { logFile: ${JSON.stringify(path.join(directory, "log"))} });
      console.log(await child.started);
      process.on("SIGUSR2", async () => { console.log(JSON.stringify(await child.stop())); process.exit(0); });
      child.exited.then((exit) => console.log(JSON.stringify(exit)));
      setInterval(() => {}, 1000);`;
    const started = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(started);
    const childPid = new Promise<number>((resolve) => started.stdout.once("data", (text: Buffer) => resolve(Number(text.toString().trim()))));
    return Object.assign(started, { childPid });
  }

  const log = () => (fs.existsSync(path.join(directory, "log")) ? fs.readFileSync(path.join(directory, "log"), "utf8") : "");

  it("stops cleanly when its launcher is killed without warning [T38]", async () => {
    const parent = launcher();
    const pid = await parent.childPid;
    await until(() => log().includes("up"), "the child runs");
    parent.kill("SIGKILL");
    await until(() => !isAlive(pid), "the child has gone");
    expect(log()).toContain("stopping");
  });

  it("is stopped by its launcher with the signal that lets it finish, and its exit code is told", async () => {
    const parent = launcher();
    await parent.childPid;
    await until(() => log().includes("up"), "the child runs");
    const said = new Promise<string>((resolve) => parent.stdout?.on("data", (text: Buffer) => resolve(text.toString())));
    parent.kill("SIGUSR2");
    expect(JSON.parse((await said).split("\n")[0] ?? "")).toEqual({ code: 7, signal: null });
  });

  it.skipIf(!fs.existsSync("/proc"))("does not outlive its guard [T38]", async () => {
    const parent = launcher();
    const pid = await parent.childPid;
    await until(() => log().includes("up"), "the child runs");
    const guard = parentOf(pid);
    expect(guard).not.toBe(parent.pid);
    const said = new Promise<string>((resolve) => parent.stdout?.on("data", (text: Buffer) => resolve(text.toString())));
    process.kill(guard, "SIGKILL");
    expect(JSON.parse((await said).split("\n")[0] ?? "")).toEqual({ code: null, signal: "SIGKILL" });
    expect(isAlive(pid)).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  return isProgram(pid, "");
}

function parentOf(pid: number): number {
  return Number(/^\d+ \(.*\) \S (\d+)/.exec(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
}
