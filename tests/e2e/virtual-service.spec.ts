/** The life of a virtual service on a real installation: made and switched on the command line, used by stock curl through the gateway to real nginx members, watched and exported in a browser. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { expect, type Locator, type Page, test } from "@playwright/test";
import { complaintsOf, settled } from "../browser/support/page-checks.ts";
import { has, type Program, startNginx, type Tls } from "../services/support/programs.ts";
import { type Outcome, run, sallyport } from "./support/command.ts";
import { freePorts, type Installation, root, startInstallation, until } from "./support/installation.ts";
import { readGateway } from "./support/watch.ts";

test.describe.configure({ mode: "serial" });
test.skip(!has("nginx"), "nginx is not installed");

const serviceName = "shop.example.com";
const owner = { email: "owner@example.com", password: "correct horse battery" };

type Service = { id: string; state: string; cause: string; version: number; listeners: { state: string; problem: string | null }[]; pool: { id: string } };

let installation: Installation;
let home = "";
let env: Record<string, string>;
let port = 0;
let otherPort = 0;
let members: Record<"shop1" | "shop2", Program>;
let ofService: Tls;
let ofMembers: Tls;
let page: Page;
let complaints: string[] = [];

test.beforeAll(async ({ browser }) => {
  test.setTimeout(300_000);
  home = mkdtempSync(join(tmpdir(), "sallyport-home-"));
  env = { HOME: home, XDG_CONFIG_HOME: join(home, ".config") };
  [port = 0, otherPort = 0] = await freePorts(2);
  ofService = selfSigned("service");
  ofMembers = selfSigned("members");
  members = { shop1: await startMember("shop1"), shop2: await startMember("shop2") };
  installation = await startInstallation();
  await sallyport(env, ["setup", "--link", join(installation.dataDirectory, "setup-link"), "--email", owner.email, "--name", "Olga Owner", "--password-file", "-"], `${owner.password}\n`);
  const context = await browser.newContext({ baseURL: installation.url, viewport: { width: 1440, height: 900 } });
  await context.request.post("/api/auth/sign-in/email", { headers: { origin: installation.url }, data: owner });
  page = await context.newPage();
  complaints = complaintsOf(page);
});

test.afterAll(async () => {
  test.setTimeout(60_000);
  await page?.context().close();
  await installation?.remove();
  for (const member of Object.values(members ?? {})) await member.stop();
  if (home) rmSync(home, { recursive: true, force: true });
});

test.afterEach(() => {
  expect(complaints.splice(0), "the browser's console, with what its content security policy blocked").toEqual([]);
});

/** A P-256 certificate for the service's name that is its own anchor; its files stay in `home`. */
function selfSigned(name: string): Tls {
  const [key, certificate] = [join(home, `${name}.key`), join(home, `${name}.pem`)];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-keyout", key, "-out", certificate, "-subj", `/O=${name}/CN=${serviceName}`, "-addext", `subjectAltName=DNS:${serviceName}`, "-addext", "basicConstraints=critical,CA:FALSE"], { stdio: "pipe" });
  return { chainPem: readFileSync(certificate, "utf8"), keyPem: readFileSync(key, "utf8") };
}

async function startMember(name: string, ports: { port?: number; tlsPort?: number } = {}): Promise<Program> {
  return await startNginx(ofMembers, `default_type text/plain; location / { return 200 "${name} for $http_x_forwarded_proto\\n"; } location = /healthz { return 200 "ok"; }`, ports);
}

async function command(...args: string[]): Promise<Outcome> {
  return await run(process.execPath, [join(root, "cli/bin.mjs"), ...args], { env });
}

async function readService(): Promise<Service> {
  return await sallyport<Service>(env, ["virtual-service", "get", "Shop"]);
}

/** Until the gateway serves it and `state` is what the console says of it. */
async function serviceIs(state: string): Promise<Service> {
  let service = await readService();
  await until(async () => {
    service = await readService();
    return service.state === state && service.listeners.every((listener) => listener.state === "bound");
  }, 20_000, () => `the service is not ${state}: ${JSON.stringify({ state: service.state, cause: service.cause, listeners: service.listeners })}`);
  return service;
}

/** Stock curl, which accepts the certificate of `anchor` only; each call is a new session. */
async function curl(anchor: "service" | "members"): Promise<Outcome> {
  return await run("curl", ["-sS", "--max-time", "10", "--cacert", join(home, `${anchor}.pem`), "--connect-to", `${serviceName}:443:127.0.0.1:${port}`, `https://${serviceName}/`]);
}

/** The members that answered `sessions` clients. Throws with what curl printed when one was not served. */
async function answering(anchor: "service" | "members", sessions: number): Promise<Set<string>> {
  const names = new Set<string>();
  for (let index = 0; index < sessions; index += 1) {
    const { code, stdout, stderr } = await curl(anchor);
    if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
    names.add(stdout.split(" ")[0] ?? "");
  }
  return names;
}

/** A client that keeps its connection: one request at a time on it. */
async function keepConnection(to: number, anchor: Tls): Promise<{ get: () => Promise<string>; close: () => void }> {
  const socket = tls.connect({ host: "127.0.0.1", port: to, servername: serviceName, ca: anchor.chainPem });
  socket.setEncoding("latin1").on("error", () => undefined); // what matters is told by `get`
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const get = async (): Promise<string> => {
    let answer = "";
    const take = (text: string): void => void (answer += text);
    socket.on("data", take).write(`GET / HTTP/1.1\r\nHost: ${serviceName}\r\n\r\n`);
    await until(() => / for (https)?\n$/.test(answer) || socket.destroyed, 10_000, () => `no whole answer came: ${answer}`);
    socket.off("data", take);
    return answer;
  };
  return { get, close: () => socket.destroy() };
}

test("one service with re-encryption switched on, not a pair of them, is live once saved, and stock curl is answered by both members [S2-13] [S2-14]", async () => {
  await sallyport(env, ["certificate", "import", "Shop", "--pem-file", join(home, "service.pem"), "--key-pem-file", join(home, "service.key")]);
  const listed = Object.entries(members).map(([name, member]) => ({ name, host: "127.0.0.1", port: member.tlsPort }));
  const check = { kind: "http", isTls: true, verify: "off", path: "/healthz", intervalMs: 1_000, timeoutMs: 900, rise: 1, fall: 2 };
  await sallyport(env, ["pool", "create", "Shop servers", "--scheduling", "weighted-round-robin", "--session-bound", "yes", "--members", JSON.stringify(listed), "--passive-check", "none", "--health-check", JSON.stringify(check)]);
  const verified = { verify: { kind: "anchors", anchorsPem: [ofMembers.chainPem], name: null }, serverName: { kind: "client" } };
  await sallyport(env, ["virtual-service", "create", "Shop", "--port", String(port), "--server-names", serviceName, "--stamp-name", serviceName, "--mode", "tls-reencrypt", "--protocol", "http", "--pool", "Shop servers", "--gateways", "Local gateway", "--certificates", "Shop", "--member-tls", JSON.stringify(verified)]);
  await serviceIs("up");
  expect(await curl("service")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^shop[12] for https\n$/) });
  expect((await curl("members")).stderr).toContain("certificate");
  expect(await answering("service", 4)).toEqual(new Set(["shop1", "shop2"]));
});

test("the mode is switched by one update with no restart of anything: new clients see the member's certificate, and one that is connected, here or to another service, goes on [S2-14] [S2-15]", async () => {
  const other = { name: "Other servers", members: [{ name: "shop1", host: "127.0.0.1", port: members.shop1.port }] };
  await sallyport(env, ["virtual-service", "create", "Other", "--port", String(otherPort), "--mode", "tls-offload", "--protocol", "http", "--new-pool", JSON.stringify(other), "--gateways", "Local gateway", "--certificates", "Shop"]);
  await until(async () => (await keepConnection(otherPort, ofService).then(({ close }) => close(), () => "none")) !== "none", 10_000, () => "the other service does not answer");
  const neighbour = await keepConnection(otherPort, ofService);
  expect(await neighbour.get()).toContain("shop1 for https");
  const { engines } = (await readGateway(installation.ports.metrics)).status;
  const before = { engines, console: installation.pidOf("console"), gateway: installation.pidOf("gateway") };
  await sallyport(env, ["virtual-service", "update", "Shop", "--mode", "tls-passthrough", "--protocol", "tcp"]);
  await until(async () => (await curl("members")).code === 0, 10_000, () => "curl does not see the members' certificate");
  expect((await curl("members")).stdout).toMatch(/^shop[12] for \n$/);
  expect((await curl("service")).stderr).toContain("certificate");
  const kept = await keepConnection(port, ofMembers);
  expect(await kept.get()).toContain("HTTP/1.1 200");
  await sallyport(env, ["virtual-service", "update", "Shop", "--mode", "tls-reencrypt", "--protocol", "http"]);
  await until(async () => (await curl("service")).code === 0, 10_000, () => "curl does not see the service's certificate");
  expect(await kept.get()).toContain("HTTP/1.1 200");
  kept.close();
  expect(await neighbour.get()).toContain("shop1 for https");
  neighbour.close();
  const after = (await readGateway(installation.ports.metrics)).status.engines;
  const lives = (list: typeof engines) => list.map(({ index, pid, restarts }) => ({ index, pid, restarts }));
  expect({ engines: lives(after), console: installation.pidOf("console"), gateway: installation.pidOf("gateway") }).toEqual({ ...before, engines: lives(before.engines) });
});

test("a member that is drained gets no new session until it is enabled again [S3-60]", async () => {
  await sallyport(env, ["pool", "set-member-state", "Shop servers", "shop1", "--state", "drain"]);
  await until(async () => (await answering("service", 3)).size === 1, 10_000, () => "the drained member still gets new sessions");
  expect(await answering("service", 8)).toEqual(new Set(["shop2"]));
  await sallyport(env, ["pool", "set-member-state", "Shop servers", "shop1", "--state", "enabled"]);
  await until(async () => (await answering("service", 2)).size === 2, 10_000, () => "the member that was enabled again gets no session");
});

test("lint names the pool whose sessions are spread and not kept, with code and cure [N5]", async () => {
  const outcome = await command("lint", "--json");
  const { findings } = JSON.parse(outcome.stdout) as { findings: { code: string; severity: string; object: { name: string }; cure: string }[] };
  expect(findings).toContainEqual(expect.objectContaining({ code: "session-bound-spread", severity: "warning", cure: expect.stringContaining("fail-over") }));
  expect(findings.map((finding) => finding.code)).toContain("persistence-missing");
  expect(outcome.code).toBe(0);
  expect((await command("lint", "--strict")).code).toBe(1);
});

/** A part of the page by its heading. */
function section(title: string): Locator {
  return page.locator("section").filter({ has: page.getByRole("heading", { level: 2, name: title, exact: true }) });
}

test("when a member dies the open page says so with the cause, no client is refused, and the page follows it back [N6] [S3-16]", async () => {
  await page.goto("/virtual-services");
  await page.getByRole("link", { name: "Shop", exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: "All 2 members work." })).toBeVisible();
  const inDiagram = section("How it serves").getByRole("list", { name: "Members" }).getByRole("listitem");
  await expect(inDiagram.filter({ hasText: "shop2" })).toContainText("Up");

  const { tlsPort, port: plainPort } = members.shop2;
  await members.shop2.kill();
  expect(await answering("service", 6)).toEqual(new Set(["shop1"]));
  const cause = `127.0.0.1:${tlsPort} refused the connection`;
  await expect(page.getByRole("status").filter({ hasText: `1 of 2 members is down. shop2: down; ${cause}.` })).toBeVisible({ timeout: 20_000 });
  await expect(inDiagram.filter({ hasText: "shop2" })).toContainText("Down");
  await expect(inDiagram.filter({ hasText: "shop2" })).toContainText(cause);
  await expect(inDiagram.filter({ hasText: "shop1" })).toContainText("Up");

  members.shop2 = await startMember("shop2", { port: plainPort, tlsPort });
  await expect(page.getByRole("status").filter({ hasText: "All 2 members work." })).toBeVisible({ timeout: 20_000 });
  await page.getByRole("link", { name: "Shop servers", exact: true }).first().click();
  const history = section("Health history").getByRole("listitem");
  await expect(history.filter({ hasText: cause })).toContainText("was up, seen by Local gateway");
  await expect(history.filter({ hasText: "was down, seen by Local gateway" })).toContainText("shop2");
  expect((await command("pool", "history", "Shop servers")).stdout).toContain(`shop2: down; ${cause}`);
});

test("plain round robin is refused for a session-bound pool in the form, by the API and by the command, each with code and reason [N7]", async () => {
  const code = "round-robin-session-bound";
  await page.goto("/pools/new");
  await settled(page);
  const choice = page.getByRole("radio", { name: /^Round robin/ });
  await expect(choice).toBeEnabled();
  await page.getByRole("checkbox", { name: "Sessions live on one member" }).check();
  await expect(choice).toBeDisabled();
  await expect(page.getByText(code, { exact: false })).toContainText("send the clicks of one session to different members");

  const { apiKey } = JSON.parse(readFileSync(join(home, ".config/sallyport/config.json"), "utf8")) as { apiKey: string };
  const answer = await fetch(`${installation.url}/api/v1/pools`, { method: "POST", headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" }, body: JSON.stringify({ name: "Spread", scheduling: "round-robin", isSessionBound: true, members: [] }) });
  expect(answer.status).toBe(409);
  expect(await answer.text()).toContain(code);

  const refused = await command("pool", "update", "Shop servers", "--scheduling", "round-robin");
  expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("another member in the middle of its session") });
  expect(refused.stderr).toContain(code);
});

test("the settings sheet that the page downloads is a configuration that HAProxy accepts (needs haproxy) [S2-18]", async () => {
  test.skip(!has("haproxy"), "haproxy is not installed");
  const { id } = await readService();
  await page.goto(`/virtual-services/${id}`);
  await settled(page);
  await page.getByRole("button", { name: "HAProxy", exact: true }).click();
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: /^Download .*\.cfg$/ }).click();
  const download = await downloading;
  const file = join(home, download.suggestedFilename());
  await download.saveAs(file);
  const text = readFileSync(file, "utf8");
  for (const member of Object.values(members)) expect(text).toContain(`127.0.0.1:${member.tlsPort}`);
  writeFileSync(file, text.replaceAll("/etc/haproxy/certs", home));
  writeFileSync(join(home, "shop.pem"), ofService.chainPem + ofService.keyPem, { mode: 0o600 });
  writeFileSync(join(home, "members-ca.pem"), ofMembers.chainPem);
  const verdict = await run("haproxy", ["-c", "-f", file]);
  expect(verdict.code, verdict.stdout + verdict.stderr).toBe(0);
});
