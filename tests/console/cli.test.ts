/** The `sallyport` command against real doors: from the set-up link to objects, as a script and as a person would. */
import "../support/with-database.ts";
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startDoors, type Doors } from "../support/console-doors.ts";
import { main } from "../../cli/main.ts";
import { operations } from "../../cli/operations.ts";
import { db } from "../../server/db.ts";
import { ensureSetupLink } from "../../server/services/user/set-up.ts";

const password = "correct horse battery";
const bin = path.resolve(import.meta.dirname, "../../cli/bin.mjs");
let doors: Doors;
let directory: string;
let organisationId: string;
let count = 0;

beforeAll(async () => {
  doors = await startDoors();
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-cli-"));
  process.env["XDG_CONFIG_HOME"] = directory;
  delete process.env["SALLYPORT_URL"];
  delete process.env["SALLYPORT_API_KEY"];
});

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const configFile = () => path.join(directory, "sallyport", "config.json");
const inDirectory = (name: string) => path.join(directory, name);

beforeEach(async () => {
  count += 1;
  fs.rmSync(path.join(directory, "sallyport"), { recursive: true, force: true });
  await db().rateLimit.deleteMany();
  await db().user.deleteMany();
  organisationId = (await db().organisation.create({ data: { name: `Org ${count}`, nameKey: `org ${count}`, trustDomain: "sallyport.internal", agentSiteNames: ["localhost"] }, select: { id: true } })).id;
});

/** Runs a command line in this process. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await main(args, { out: (text) => (out += text), err: (text) => (err += text), width: 200 });
  return { code, out, err };
}

async function json(...args: string[]): Promise<unknown> {
  const { code, out, err } = await run(...args, "--json");
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out);
}

/** The same as a program of its own, with text on standard input. */
function runProgram(args: string[], input: string): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args], { env: { ...process.env }, stdio: "pipe" });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.on("close", (code) => resolve({ code, out, err }));
    child.stdin.end(input);
  });
}

async function setUp(): Promise<void> {
  fs.writeFileSync(inDirectory("setup-link"), `${await ensureSetupLink(organisationId)}\n`);
  fs.writeFileSync(inDirectory("password"), `${password}\n`);
  const { code, err } = await run("setup", "--link", inDirectory("setup-link"), "--email", "ana@example.com", "--password-file", inDirectory("password"));
  expect(err).toBe("");
  expect(code).toBe(0);
}

describe("coming to a key", () => {
  it("makes the first owner with the set-up link and stores a key that only its owner can read [T40]", async () => {
    await setUp();
    expect(fs.statSync(configFile()).mode & 0o777).toBe(0o600);
    expect(JSON.parse(fs.readFileSync(configFile(), "utf8"))).toMatchObject({ url: doors.url, apiKey: expect.stringMatching(/^spk_/) });
    expect(await json("whoami")).toMatchObject({ role: "owner", organisation: { id: organisationId }, url: doors.url });
    const again = await run("setup", "--link", inDirectory("setup-link"), "--email", "eve@example.com", "--password-file", inDirectory("password"));
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("This link is not valid")]);
  });

  it("signs in with a password from standard input, and leaves no session behind [T35]", async () => {
    await setUp();
    await run("logout");
    const { code, out, err } = await runProgram(["login", "--url", doors.url, "--email", "ana@example.com", "--password-stdin"], `${password}\n`);
    expect(err).toBe("");
    expect([code, out]).toEqual([0, expect.stringContaining("role owner")]);
    expect(await db().session.count()).toBe(0);
    const wrong = await runProgram(["login", "--url", doors.url, "--email", "ana@example.com", "--password-stdin"], "wrong wrong wrong\n");
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("E-mail address or password is wrong")]);
  });

  it("takes an existing key from standard input or the environment, never as an argument [T40]", async () => {
    await setUp();
    const { key } = (await json("api-key", "create", "reader", "--role", "auditor")) as { key: string };
    expect((await runProgram(["login", "--url", doors.url, "--key-stdin"], `${key}\n`)).code).toBe(0);
    expect(await json("whoami")).toMatchObject({ role: "auditor", name: "reader" });
    await run("logout");
    process.env["SALLYPORT_URL"] = doors.url;
    process.env["SALLYPORT_API_KEY"] = key;
    expect(await json("whoami")).toMatchObject({ role: "auditor" });
    delete process.env["SALLYPORT_URL"];
    delete process.env["SALLYPORT_API_KEY"];
    expect((await run("login", "--key", key)).code).toBe(2);
  });

  it("says what to do without configuration, with a readable file, and with no console", async () => {
    expect(await run("site", "list")).toMatchObject({ code: 1, err: expect.stringContaining("sallyport login") });
    await setUp();
    fs.chmodSync(configFile(), 0o644);
    expect(await run("site", "list")).toMatchObject({ code: 1, err: expect.stringContaining("chmod 600") });
    fs.writeFileSync(configFile(), JSON.stringify({ url: "http://localhost:9", apiKey: "spk_x" }), { mode: 0o600 });
    fs.chmodSync(configFile(), 0o600);
    expect(await run("site", "list")).toMatchObject({ code: 1, err: expect.stringContaining("http://localhost:9 does not answer") });
    expect(await run("doctor")).toMatchObject({ code: 1, out: expect.stringContaining("[!!] console answers") });
  });
});

describe("nouns and verbs", () => {
  it("reach every operation that an API key can use", async () => {
    const help = new Map<string, string>();
    const { buildProgram } = await import("../../cli/main.ts");
    const program = buildProgram({ screen: { out: () => {}, err: () => {}, width: 100 }, isJson: () => false });
    for (const noun of program.commands) for (const verb of noun.commands) for (const name of [verb.name(), ...verb.aliases()]) help.set(`${noun.name()} ${name}`, verb.description());
    const { kebab, nounOf } = await import("../../cli/operations.ts");
    const onlyInPages = new Set(["user.changePassword", "user.sessions", "user.endSession", "organisation.switchTo", "user.me"]);
    const missing = operations.filter((operation) => !onlyInPages.has(operation.name) && !help.has(`${nounOf(operation.tag)} ${kebab(operation.name.split(".")[1] ?? "")}`));
    expect(missing.map((operation) => operation.name)).toEqual([]);
  });

  it("create, list, show, change and delete by name; what is not named in a change stays", async () => {
    await setUp();
    expect(await run("site", "create", "Berlin", "--kind", "intranet", "--subnets", "10.1.0.0/16", "10.2.0.0/16", "--note", "HQ")).toMatchObject({ code: 0, out: expect.stringMatching(/^Created [0-9a-f-]{36}\n$/) });
    const table = await run("sites", "list", "--search", "ber");
    expect(table.out).toMatch(/^NAME +KIND +SUBNETS/);
    expect(table.out).toContain("10.1.0.0/16, 10.2.0.0/16");
    expect((await run("site", "update", "berlin", "--name", "Hamburg")).code).toBe(0);
    expect(await json("site", "show", "Hamburg")).toMatchObject({ name: "Hamburg", note: "HQ", subnets: ["10.1.0.0/16", "10.2.0.0/16"] });
    expect(await run("site", "delete", "Hamburg")).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(await run("site", "delete", "Hamburg", "--yes")).toMatchObject({ code: 0, out: expect.stringContaining("Deleted") });
    expect(await run("site", "show", "Hamburg")).toMatchObject({ code: 2, err: expect.stringContaining('There is no site called "Hamburg"') });
  });

  it("take references by name, and keep a group's members in a change", async () => {
    await setUp();
    const agentId = (await db().agent.create({ data: { organisationId, hostname: "laptop-7", platform: "linux-x64" }, select: { id: true } })).id;
    expect((await run("agent-group", "create", "Field", "--kind", "static", "--agents", "laptop-7")).code).toBe(0);
    expect((await run("agent-group", "update", "Field", "--note", "people on the road")).code).toBe(0);
    expect(await json("agent-group", "members", "Field")).toMatchObject({ total: 1, rows: [{ id: agentId }] });
    expect(await json("agent", "list", "--group", "Field")).toMatchObject({ total: 1 });
    expect((await run("server", "create", "Mail", "--kind", "management", "--names", "mail.example.com", "--ports", "443")).code).toBe(0);
    expect(await json("server", "list")).toMatchObject({ rows: [{ name: "Mail", ports: [443] }] });
    expect(await run("agent", "revoke", "laptop-7", "--yes")).toMatchObject({ code: 0 });
    expect(await json("agent", "show", "laptop-7")).toMatchObject({ state: "revoked" });
  });

  it("make a policy from a gateway's name: address and pin are the gateway's own [S1-53]", async () => {
    await setUp();
    await run("agent-group", "create", "Field", "--kind", "static");
    expect((await run("gateway", "create", "edge1", "--public-names", "gw.example.com")).code).toBe(0);
    expect(await run("policy", "create", "Field staff", "--gateway", "edge1", "--groups", "Field")).toMatchObject({ code: 1, err: expect.stringContaining("no pin") });
    const { id: gatewayId } = await db().gateway.findFirstOrThrow({ where: { organisationId }, select: { id: true } });
    const fingerprint = "ab".repeat(32);
    const { id } = await db().certificate.create({
      data: { organisationId, gatewayId, purpose: "gateway-listener", subject: "CN=edge1", names: ["gw.example.com"], issuer: "CN=edge1", serial: "01", keyType: "ec-p256", fingerprint, thumbprintSha1: "ab".repeat(20), publicKeySha256: fingerprint, notBefore: new Date(), notAfter: new Date(Date.now() + 86_400_000), pem: "", chainPem: "" },
      select: { id: true },
    });
    await db().gateway.update({ where: { id: gatewayId }, data: { presentedCertificateId: id } });
    expect(await run("policy", "create", "Field staff", "--gateway", "edge1", "edge1@gw2.example.com:8443", "--groups", "Field")).toMatchObject({ code: 0 });
    expect(await json("policy", "show", "Field staff")).toMatchObject({ isEnabled: true, gateways: [{ gatewayId, fqdn: "gw.example.com", port: 443, pins: [fingerprint] }, { fqdn: "gw2.example.com", port: 8443 }] });
    expect(await run("policy", "set-enabled", "Field staff", "--enabled", "no")).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect((await run("policy", "set-enabled", "Field staff", "--enabled", "no", "--yes")).code).toBe(0);
    expect(await json("search", "field")).toHaveLength(2);
  });

  it("invite a person, change the role by e-mail address, and remove them", async () => {
    await setUp();
    expect(await json("user", "invite", "bob@example.com", "--name", "Bob", "--role", "operator")).toMatchObject({ url: expect.stringContaining("/invite#") });
    const userId = crypto.randomUUID();
    await db().user.create({ data: { id: userId, name: "Cleo", email: "cleo@example.com", memberships: { create: { organisationId, role: "auditor" } } } });
    expect(await run("user", "update", "cleo@example.com", "--role", "operator")).toMatchObject({ code: 0, err: "" });
    expect((await run("user", "list")).out).toMatch(/Cleo +cleo@example.com +operator +member/);
    expect(await run("user", "remove", "cleo@example.com", "--yes")).toMatchObject({ code: 0 });
    expect(await run("user", "remove", "bob@example.com", "--yes")).toMatchObject({ code: 0 });
    expect(await json("user", "list")).toMatchObject({ total: 1 });
    expect(await run("user", "remove", "ana@example.com", "--yes")).toMatchObject({ code: 1, err: expect.stringContaining("only owner") });
    await json("api-key", "create", "reader", "--role", "auditor");
    expect(await run("api-key", "revoke", "reader")).toMatchObject({ code: 0, out: expect.stringContaining("Revoked") });
  });

  it("read whole inputs from a file or standard input", async () => {
    await setUp();
    const { code } = await runProgram(["site", "create", "Wien", "--from", "-"], JSON.stringify({ kind: "intranet", subnets: ["10.9.0.0/16"] }));
    expect(code).toBe(0);
    expect(await json("site", "show", "Wien")).toMatchObject({ subnets: ["10.9.0.0/16"] });
  });

  it("fail with the console's sentence and exit code 1, or with a usage sentence and exit code 2", async () => {
    await setUp();
    await run("site", "create", "Berlin", "--kind", "intranet");
    expect(await run("site", "create", "berlin", "--kind", "intranet")).toMatchObject({ code: 1, out: "" });
    expect(await run("site", "create", "X", "--kind", "intranet", "--subnets", "10.0.0.1/8")).toMatchObject({ code: 1, err: expect.stringContaining('"10.0.0.1/8" is not a subnet') });
    expect(await run("site", "create", "X")).toMatchObject({ code: 2, err: expect.stringContaining("--kind") });
    expect(await run("site", "create", "X", "--kind", "moon")).toMatchObject({ code: 2, err: expect.stringContaining("intranet, internet") });
    expect(await run("site", "lst")).toMatchObject({ code: 2 });
    const asJson = await run("site", "create", "berlin", "--kind", "intranet", "--json");
    expect(JSON.parse(asJson.err)).toMatchObject({ error: { code: "name-taken" } });
  });

  it("show names from the database without letting them drive the terminal [T35]", async () => {
    await setUp();
    await db().agent.create({ data: { organisationId, hostname: "evil\u001b[2J\u0007host", platform: "linux-x64" } });
    const { out } = await run("agent", "list");
    expect(out).toContain("evil[2Jhost");
    for (const control of ["\u0007", "\u001b"]) expect(out).not.toContain(control);
  });

  it("list the audit, and refusals with what they mean", async () => {
    await setUp();
    expect((await run("audit", "list")).out).toContain("user.set-up");
    await db().refusal.create({ data: { id: crypto.randomUUID(), organisationId, at: new Date(), code: "certificate-expired", detail: "expired yesterday", connectionId: "c-1", source: "192.0.2.7" } });
    expect((await run("refusals", "list", "--code", "certificate-expired", "--since", "1h")).out).toContain("192.0.2.7");
    expect((await run("refusals", "list", "--since", "soon")).code).toBe(2);
  });
});

describe("downloads", () => {
  /** A console that answers only what the download commands ask. */
  async function fakeConsole(link: (url: string) => string, body: (response: http.ServerResponse) => void): Promise<{ url: string; close: () => void }> {
    const id = crypto.randomUUID();
    const server = http.createServer((request, response) => {
      const reply = (value: unknown) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
      const route = (request.url ?? "").split("?")[0];
      if (route === "/api/v1/gateways") return reply({ total: 1, rows: [{ id, name: "gw1" }] });
      if (route === `/api/v1/gateways/${id}/package`) return reply({ url: link(url), fileName: "../../gateway gw1.tar.gz", expiresAt: new Date().toISOString(), token: "sp1.gateway.x" });
      if (route === "/api/download/x" && request.headers.authorization === "Bearer spk_test") return body(response);
      response.writeHead(404).end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    process.env["SALLYPORT_URL"] = url;
    process.env["SALLYPORT_API_KEY"] = "spk_test";
    return { url, close: () => {
      server.closeAllConnections();
      server.close();
      delete process.env["SALLYPORT_URL"];
      delete process.env["SALLYPORT_API_KEY"];
    } };
  }

  it("are written whole, readable by their owner only, under a harmless name [T23] [T40]", async () => {
    const fake = await fakeConsole(() => "/api/download/x", (response) => response.writeHead(200).end("package"));
    const folder = fs.mkdtempSync(path.join(directory, "out-"));
    const saved = await run("gateway", "package", "gw1", "-o", folder, "--json");
    const file = path.join(folder, "gateway_gw1.tar.gz");
    expect(JSON.parse(saved.out)).toMatchObject({ file, bytes: 7, sha256: "bc4a71180870f7945155fbb02f4b0a2e3faa2a62d6d31b7039013055ed19869a" });
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(await run("gateway", "package", "gw1", "-o", folder)).toMatchObject({ code: 2, err: expect.stringContaining("exists already") });
    expect((await run("gateway", "package", "gw1", "--token-only")).out).toBe("sp1.gateway.x\n");
    fake.close();
  });

  it("leave nothing when they break off, and are never fetched from another address [T40]", async () => {
    const folder = fs.mkdtempSync(path.join(directory, "out-"));
    const broken = await fakeConsole(() => "/api/download/x", (response) => {
      response.writeHead(200, { "content-length": "1000" }).write("part");
      setTimeout(() => response.destroy(), 50);
    });
    expect(await run("gateway", "package", "gw1", "-o", path.join(folder, "p.tar.gz"))).toMatchObject({ code: 1, err: expect.stringContaining("broke off") });
    expect(fs.readdirSync(folder)).toEqual([]);
    broken.close();
    const foreign = await fakeConsole(() => "http://evil.example/api/download/x", (response) => response.end());
    expect(await run("gateway", "package", "gw1", "-o", folder)).toMatchObject({ code: 1, err: expect.stringContaining("another address") });
    foreign.close();
  });
});
