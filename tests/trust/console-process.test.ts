/** The console process: how it starts, what it says when it cannot, how it stops, and what it serves on its port. */
import { testDatabase } from "../support/with-database.ts";
import http from "node:http";
import net from "node:net";
import fs from "node:fs";
import path from "node:path";
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { type ConsoleProcess, startConsoleProcess } from "./support/console-process.ts";

type Answer = { status: number; headers: http.IncomingHttpHeaders; body: string };

/** A request with a Host of our choice, which fetch would not send. */
function ask(port: number, options: http.RequestOptions & { body?: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port, agent: false, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk)).on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on("error", reject);
    request.end(options.body);
  });
}

async function endsWith(console: ConsoleProcess): Promise<{ code: number | null; sentence: string }> {
  const code = await console.exited;
  return { code, sentence: console.printed().split("\n").filter((line) => line !== "" && !line.startsWith("{")).join("\n") };
}

describe("a running console", () => {
  let running: ConsoleProcess;
  const token = randomBytes(32).toString("base64");

  beforeAll(async () => {
    running = await startConsoleProcess({ SALLYPORT_LOCAL_GATEWAY: "1" });
    await running.ready();
  });

  it("left a set-up link and the local gateway's token, readable by its owner only [T40]", () => {
    for (const file of ["setup-link", "local-gateway.token", "master.key"]) expect(fs.statSync(path.join(running.dataDirectory, file)).mode & 0o777).toBe(0o600);
    expect(fs.readFileSync(path.join(running.dataDirectory, "setup-link"), "utf8")).toMatch(new RegExp(`^${running.url}/setup#[A-Za-z0-9_-]{43}\n$`));
  });

  it("answers /healthz and /readyz with security headers and a request id of its own", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      const answer = await ask(running.ports.console, { path, headers: { host: `localhost:${running.ports.console}`, "x-request-id": "mine" } });
      expect(answer).toMatchObject({ status: 200, headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" } });
      expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it("refuses a Host that is not its own, so that no other site's name can be pointed at it", async () => {
    for (const host of ["evil.example", `evil.example:${running.ports.console}`, "localhost.evil.example", "a b", "localhost:1@evil.example"]) {
      const answer = await ask(running.ports.console, { path: "/", headers: { host } });
      expect([400, 421], host).toContain(answer.status);
      expect(answer.headers["set-cookie"]).toBeUndefined();
    }
    const moved = await ask(running.ports.console, { path: "/sites?page=2", headers: { host: `127.0.0.1:${running.ports.console}`, accept: "text/html" } });
    expect(moved).toMatchObject({ status: 307, headers: { location: `${running.url}/sites?page=2` } });
  });

  it("bounds head and body before anybody reads them [T32]", async () => {
    const headers = { host: `localhost:${running.ports.console}` };
    expect((await ask(running.ports.console, { method: "POST", path: "/api/trpc/site.create", headers: { ...headers, "content-length": String(50 * 1024 * 1024) } }).catch(() => ({ status: 413 }))).status).toBe(413);
    expect((await ask(running.ports.console, { method: "POST", path: "/api/trpc/site.create", headers: { ...headers, "transfer-encoding": "chunked" }, body: "{}" })).status).toBe(411);
    expect((await ask(running.ports.console, { path: "/", headers: { ...headers, "x-large": "a".repeat(20_000) } })).status).toBe(431);
  });

  it("serves nothing of the agent site or the control channel on its port, and nothing of itself on theirs [S1-16]", async () => {
    for (const path of ["/v1/policy", "/v1/enrol"]) expect([404, 503]).toContain((await ask(running.ports.console, { path, headers: { host: `localhost:${running.ports.console}` } })).status);
    for (const port of [running.ports.agentSite, running.ports.control]) await expect(ask(port, { path: "/", headers: { host: "localhost" } })).rejects.toThrow();
  });

  it("drops an upgrade and a CONNECT", async () => {
    const socket = net.connect(running.ports.console, "127.0.0.1");
    socket.write("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n");
    const received = await new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (chunk) => (text += chunk.toString())).on("close", () => resolve(text)).on("error", () => undefined);
    });
    expect(received).not.toContain("200");
  });

  it("says that a port is taken, and which variable chooses another", async () => {
    const second = await startConsoleProcess({ SALLYPORT_DATA: undefined, SALLYPORT_MASTER_KEY: fs.readFileSync(path.join(running.dataDirectory, "master.key"), "utf8").trim(), SALLYPORT_CONSOLE_PORT: String(running.ports.console) });
    expect(await endsWith(second)).toMatchObject({ code: 1, sentence: expect.stringMatching(new RegExp(`Port ${running.ports.console} .*SALLYPORT_CONSOLE_PORT`)) as unknown });
  });

  it("says that the master key is another one than this database's [T40]", async () => {
    const second = await startConsoleProcess({ SALLYPORT_MASTER_KEY: token });
    const ended = await endsWith(second);
    expect(ended).toMatchObject({ code: 1, sentence: expect.stringContaining("another master key") as unknown });
    expect(second.printed()).not.toContain(token);
  });

  it("stops in order within ten seconds on SIGTERM, also while a client holds a connection open", async () => {
    const idle = net.connect(running.ports.console, "127.0.0.1");
    idle.on("error", () => undefined).write("GET /healthz HTTP/1.1\r\n");
    const started = Date.now();
    running.child.kill("SIGTERM");
    expect(await running.exited).toBe(0);
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(running.printed()).not.toContain("did not stop");
    idle.destroy();
  });

  it("wrote no private key, no token and no set-up link into its log [T40]", () => {
    expect(running.printed()).not.toMatch(/PRIVATE KEY|sp1\.(gateway|agent)\.|setup#[A-Za-z0-9_-]{43}/);
  });
});

describe("a console that cannot start", () => {
  it.each([
    ["is no URL", "mysql://root@localhost/x", "DATABASE_URL: expected postgresql://"],
    ["names a database that is not there", (url: URL) => { url.pathname = "/nobody_made_this"; }, "does not exist"],
    ["has a wrong password", (url: URL) => { url.password = "wrong"; }, "refused the user or password"],
    ["names a host that does not resolve", (url: URL) => { url.hostname = "nowhere.invalid"; }, "does not resolve"],
  ])("says so when DATABASE_URL %s", async (_what, change, sentence) => {
    const url = new URL(testDatabase.url);
    if (typeof change === "function") change(url);
    const broken = await startConsoleProcess({ DATABASE_URL: typeof change === "string" ? change : url.href });
    expect(await endsWith(broken)).toMatchObject({ code: 1, sentence: expect.stringContaining(sentence) as unknown });
  });

  it("says what to do when the database has no tables yet", async () => {
    const { url } = await createTestDatabase();
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`DELETE FROM "_prisma_migrations"`);
    await client.end();
    const broken = await startConsoleProcess({ DATABASE_URL: url });
    expect(await endsWith(broken)).toMatchObject({ code: 1, sentence: expect.stringContaining("npm run db:migrate") as unknown });
  });

  it("refuses a master key file that others can read [T40]", async () => {
    const first = await startConsoleProcess({ DATABASE_URL: "postgresql://nobody@127.0.0.1:1/x" });
    const file = path.join(first.dataDirectory, "master.key");
    await waitFor(() => fs.existsSync(file));
    first.child.kill("SIGKILL");
    await first.exited;
    fs.chmodSync(file, 0o644);
    const second = await startConsoleProcess({ SALLYPORT_DATA: first.dataDirectory });
    expect(await endsWith(second)).toMatchObject({ code: 1, sentence: expect.stringContaining("chmod 600") as unknown });
  });
});

describe("a console under a launcher", () => {
  it("stops when the launcher's end of its standard input closes", async () => {
    const { url } = await createTestDatabase();
    const running = await startConsoleProcess({ DATABASE_URL: url, SALLYPORT_LAUNCHER: "1" }, { stdin: "pipe" });
    await running.ready();
    running.child.stdin?.end();
    expect(await running.exited).toBe(0);
  });

  it("was killed half-way through its first start and goes on where it stopped", async () => {
    const { url } = await createTestDatabase();
    const environment = { DATABASE_URL: url, SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64") };
    for (const delay of [300, 500, 700, 900]) {
      const killed = await startConsoleProcess(environment);
      await new Promise((resolve) => setTimeout(resolve, delay));
      killed.child.kill("SIGKILL");
      await killed.exited;
    }
    const [one, two] = await Promise.all([startConsoleProcess(environment), startConsoleProcess(environment)]);
    await Promise.all([one.ready(), two.ready()]);
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(`SELECT (SELECT count(*)::int FROM "Organisation") AS organisations, (SELECT count(*)::int FROM "Certificate" WHERE purpose = 'root-ca') AS roots, (SELECT count(*)::int FROM "Server" WHERE "isAgentSite") AS servers, (SELECT count(*)::int FROM "Certificate" WHERE purpose = 'agent-site' AND "isCurrent") AS doors`);
    await client.end();
    expect(rows).toEqual([{ organisations: 1, roots: 1, servers: 1, doors: 1 }]);
    for (const running of [one, two]) {
      running.child.kill("SIGTERM");
      await running.exited;
    }
  });
});

async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
