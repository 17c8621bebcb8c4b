import "../support/with-database.ts";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { serviceCreate } from "../../contract/service-objects.ts";
import { gatewaySheet } from "../../server/services/sheet/gateway.ts";
import { serviceSheet } from "../../server/services/sheet/service.ts";
import { type Issued, TestCa } from "../support/pki.ts";
import { freePort, until } from "../support/sockets.ts";
import { makeOrganisation, type Organisation } from "./support/console.ts";
import { importCertificate } from "./support/services.ts";

const has = (program: string): boolean => !spawnSync(program, ["-v"]).error;
const stampName = "keys.example.com";
const userAgent = "it's \"PGP\" # $HOME; }";

let org: Organisation;
let certificate: Issued;
let certificateId: string;
let ca: TestCa;
let directory: string;
let memberPort: { plain: number; tls: number };
const servers: (http.Server | https.Server)[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  org = await makeOrganisation();
  ca = await TestCa.root({ commonName: "Sheet root" });
  certificate = await ca.issue({ commonName: stampName, dns: [stampName, "pgp01.example.com"], usage: ["server"] });
  certificateId = await importCertificate(org, "keys", certificate);
  directory = mkdtempSync(path.join(os.tmpdir(), "sallyport-sheets-"));
  const answer: http.RequestListener = (request, response) => void response.end(`answer to ${request.headers.host ?? ""}`);
  servers.push(http.createServer(answer), https.createServer({ cert: certificate.chainPem, key: certificate.keyPem }, answer));
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))));
  const [plain, secure] = servers.map((server) => (server.address() as AddressInfo).port);
  memberPort = { plain: plain ?? 0, tls: secure ?? 0 };
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    const gone = new Promise((resolve) => void child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
});

afterAll(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true, force: true });
});

type Form = Partial<z.input<typeof serviceCreate>> & { pool: z.input<typeof serviceCreate>["pool"] };

async function create(form: Form): Promise<{ id: string; port: number }> {
  const port = form.port ?? (await freePort());
  const name = form.name === undefined || form.name.startsWith("Service ") ? `Service ${Math.random().toString(36).slice(2, 8)}` : form.name;
  const { id } = await org.as("administrator").virtualService.create(serviceCreate.parse({ ...form, name, port, pool: { ...form.pool, name: `${name} servers` } }));
  return { id, port };
}

type Format = "haproxy" | "nginx" | "f5" | "neutral";

async function sheet(id: string, format: Format) {
  return await serviceSheet(org.callerAs("auditor"), { id, format });
}

/** The configuration with the test's own certificate folder, its files written. */
function inFolder(text: string, fileName: string): string {
  const id = fileName.replace(/\.(haproxy\.cfg|nginx\.conf)$/, "");
  writeFileSync(path.join(directory, `${id}.pem`), fileName.endsWith("haproxy.cfg") ? certificate.chainPem + certificate.keyPem : certificate.chainPem);
  writeFileSync(path.join(directory, `${id}.key`), certificate.keyPem);
  for (const name of ["clients-ca.pem", "members-ca.pem"]) writeFileSync(path.join(directory, name), ca.certPem);
  const file = path.join(directory, fileName);
  // Only root may write nginx's own log and temporary files, and take ports below 1024.
  const ownPaths = `access_log off; ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join(" ")}`;
  writeFileSync(file, text.replaceAll(/\/etc\/(haproxy|nginx)\/certs/g, directory).replaceAll(/^http \{$/gm, `http { ${ownPaths}`).replaceAll(/(\blisten (?:\S+:)?)(\d{1,3})\b(?=[ ;])/g, "$120$2"));
  return file;
}

function accepts(format: Format, file: string): { accepted: boolean; output: string } {
  const result = format === "haproxy" ? spawnSync("haproxy", ["-c", "-f", file], { encoding: "utf8" }) : spawnSync("nginx", ["-t", "-e", "stderr", "-g", `pid ${directory}/nginx.pid;`, "-c", file], { encoding: "utf8" });
  return { accepted: result.status === 0 && !/\[ALERT\]|\[emerg\]/.test(result.stderr), output: `${result.stdout}${result.stderr}` };
}

async function run(format: Format, file: string, port: number): Promise<void> {
  const child = format === "haproxy" ? spawn("haproxy", ["-f", file]) : spawn("nginx", ["-e", "stderr", "-g", `daemon off; master_process off; pid ${directory}/nginx.pid;`, "-c", file]);
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  await until(async () => child.exitCode !== null || (await opens(port)), `${format} listens`, 15_000);
  if (child.exitCode !== null) throw new Error(`${format} ended: ${output}`);
}

async function opens(port: number): Promise<boolean> {
  const socket = http.request({ host: "127.0.0.1", port, timeout: 500 });
  return await new Promise((resolve) => {
    socket.on("socket", (raw) => raw.on("connect", () => resolve(true)));
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
    socket.on("timeout", () => socket.destroy());
    setTimeout(() => socket.destroy(), 300).unref();
  });
}

/** One request as a client that was built with the stamp; the body, or why there was none. */
async function get(port: number, scheme: "http" | "https", name = stampName): Promise<string> {
  const module = scheme === "http" ? http : https;
  return await new Promise((resolve) => {
    const request = module.get({ host: "127.0.0.1", port, agent: false, headers: { host: name }, ...(scheme === "https" ? { servername: name, ca: ca.certPem, checkServerIdentity: (_host: string, peer: tls.PeerCertificate) => tls.checkServerIdentity(stampName, peer) } : {}) }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk)).on("end", () => resolve(`${response.statusCode ?? 0} ${text}`));
    });
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    setTimeout(() => request.destroy(), 8_000).unref();
  });
}

const smtp = { kind: "smtp" as const, nextHop: { host: "mta1.example.com" }, startTls: "required" as const };
const check = { kind: "http" as const, isTls: true, path: "/it's/#1?$HOME", hostHeader: stampName, bodyContains: "it's \"up\"", verify: "off" as const };
const member = (name: string, more: object = {}) => ({ name, host: "127.0.0.1", port: memberPort.tls, ...more });

/** One of everything that a form can say. */
function variety(): Record<string, Form> {
  const two = [member("pgp01", { weight: 10 }), { ...member("pgp02"), port: memberPort.plain }, { name: "pgp03", host: "192.0.2.7", port: 443, state: "drain" as const }, { name: "pgp04", host: "2001:db8::7", port: 443, state: "disabled" as const, maxConnections: 50 }];
  const certificates = { certificateIds: [certificateId], serverNames: [stampName, "*.mail.example.com"] };
  const reencrypt = { mode: "tls-reencrypt" as const, protocol: "http" as const, ...certificates };
  const exceptions = [{ name: "PGP", match: { userAgentContains: userAgent, versionBelow: "10.5.1", pathPrefix: "/a'b" }, use: "source-address" as const }, { name: "prefixed", match: { pathPrefix: "/p" }, use: "cookie-prefix" as const, cookieName: "app" }];
  return {
    "tcp, round robin": { mode: "tcp", pool: { name: "p", scheduling: "round-robin", members: two } },
    "mail, SMTP check": { mode: "tcp", sendProxy: "v1", pool: { name: "p", healthCheck: smtp, members: two } },
    "pass-through, fail-over that stays": { serverNames: [stampName, "*.example.com"], takesNoName: true, acceptProxy: { kind: "required", sources: ["192.0.2.0/24"] }, sendProxy: "v2", pool: { name: "p", failsBack: false, healthCheck: { kind: "tls", serverName: stampName }, members: two } },
    "pass-through by source": { persistence: { kind: "source-address", prefix4: 24 }, pool: { name: "p", scheduling: "weighted-round-robin", members: two } },
    "pass-through, duration": { persistence: { kind: "duration" }, pool: { name: "p", scheduling: "least-connections", members: two } },
    "source hash": { pool: { name: "p", scheduling: "source-hash", members: two } },
    "off-load, cookie insert with exceptions": { mode: "tls-offload", protocol: "http", ...certificates, forwardedHeaders: "both", clientCertificate: { demand: "optional" }, persistence: { kind: "cookie-insert", cookieName: "s#'$x", lifetimeSeconds: 600, exceptions }, pool: { name: "p", scheduling: "weighted-round-robin", healthCheck: { ...check, isTls: false }, members: two } },
    "off-load, TCP": { mode: "tls-offload", ...certificates, pool: { name: "p", scheduling: "first-alive", healthCheck: { kind: "none" }, members: two } },
    "re-encrypt, cookie prefix": { ...reencrypt, memberHost: { kind: "fixed", name: "inner.example.com" }, persistence: { kind: "cookie-prefix", cookieName: "JSESSIONID" }, memberTls: { verify: { kind: "anchors", anchorsPem: [ca.certPem], name: stampName }, serverName: { kind: "fixed", name: stampName } }, pool: { name: "p", scheduling: "least-connections", healthCheck: check, members: two } },
    "re-encrypt, followed cookie": { ...reencrypt, forwardedHeaders: "none", clientCertificate: { demand: "required", forwards: true }, persistence: { kind: "cookie-follow", exceptions }, memberTls: { verify: { kind: "pinned", fingerprints: [certificate.fingerprint] }, serverName: { kind: "none" } }, pool: { name: "p", healthCheck: check, isSessionBound: true, members: two } },
    "re-encrypt, TCP": { mode: "tls-reencrypt", ...certificates, serverNames: [], pool: { name: "p", members: two } },
    "plain HTTP": { mode: "tcp", protocol: "http", forwardedHeaders: "forwarded", pool: { name: "p", healthCheck: { kind: "http" }, members: two } },
  };
}

describe("settings sheets", () => {
  it("says every setting in neutral words with the synonyms people search for [S2-16] [S2-18] [S3-04]", async () => {
    const form = variety()["re-encrypt, cookie prefix"];
    if (!form) throw new Error("no such form");
    const { text, fileName, triedWith } = await sheet((await create({ ...form, name: "Keys | <b>", stampName })).id, "neutral");
    expect(fileName).toBe("keys-b.md");
    for (const words of [stampName, "reverse SSL = SSL bridging", "weighted least connections", "JSESSIONID", "HTTPS GET", "pgp01", "192.0.2.7:443", "verify_hostname"]) expect(text).toContain(words);
    expect(text).not.toMatch(/[^\\]<b>/);
    expect(triedWith).toEqual([]);
  });

  it("exports every form as JSON that makes the same service again [S2-18]", async () => {
    for (const [what, form] of Object.entries(variety())) {
      const { id } = await create(form);
      const exported: unknown = JSON.parse((await serviceSheet(org.callerAs("auditor"), { id, format: "json" })).text);
      const again = await create({ ...(exported as Form), ...(form.certificateIds ? { certificateIds: form.certificateIds } : {}) });
      const second: unknown = JSON.parse((await serviceSheet(org.callerAs("auditor"), { id: again.id, format: "json" })).text);
      const renamed = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(/Service \w+( servers)?/g, "Service$1")) as object;
      expect({ what, form: renamed(second) }).toEqual({ what, form: renamed(exported) });
    }
  });

  it("says where the clients' name leads now and which record moves it to another member [S3-20] [S3-62]", async () => {
    const { id } = await create({ stampName: "localhost", pool: { name: "p", members: [{ name: "pgp01", host: "127.0.0.1", port: 443 }, { name: "pgp02", host: "192.168.0.75", port: 443 }] } });
    const { text } = await sheet(id, "neutral");
    expect(text).toMatch(/localhost leads to .*127\.0\.0\.1.* now \(pgp01\)/);
    expect(text).toContain("- to pgp02: `localhost. 60 IN A 192.168.0.75`");
  });

  it("says that the F5 commands were not run here, and keeps a person's text inside its quotes [S0-06] [S2-18]", async () => {
    for (const form of Object.values(variety())) {
      const { text, notes, triedWith } = await sheet((await create(form)).id, "f5");
      expect(triedWith).toEqual([]);
      expect(notes.join(" ")).toContain("not run on an F5");
      expect(text).toMatch(/create ltm virtual \S+ destination .* pool \S+_pool/);
    }
  });

  it("answers not found for a service or gateway of another organisation [T33]", async () => {
    const { id } = await create({ pool: { name: "p", members: [] } });
    const other = await makeOrganisation();
    await expect(serviceSheet(other.callerAs("owner"), { id, format: "neutral" })).rejects.toMatchObject({ code: "not-found" });
    await expect(gatewaySheet(other.callerAs("owner"), { id, format: "neutral" })).rejects.toMatchObject({ code: "not-found" });
  });

  it.skipIf(!has("haproxy"))("writes a configuration that HAProxy accepts, whatever the form says (needs haproxy) [S2-18] [S3-04]", async () => {
    for (const [what, form] of Object.entries(variety())) {
      const { text, fileName } = await sheet((await create(form)).id, "haproxy");
      const verdict = accepts("haproxy", inFolder(text, fileName));
      expect({ what, ...verdict, text: verdict.accepted ? "" : text }).toMatchObject({ accepted: true });
    }
  }, 60_000);

  it.skipIf(!has("nginx"))("writes a configuration that nginx accepts, whatever the form says (needs nginx) [S2-18] [S3-04]", async () => {
    for (const [what, form] of Object.entries(variety())) {
      const { text, fileName } = await sheet((await create(form)).id, "nginx");
      const verdict = accepts("nginx", inFolder(text, fileName));
      expect({ what, ...verdict, text: verdict.accepted ? "" : text }).toMatchObject({ accepted: true });
    }
  }, 60_000);

  for (const format of ["haproxy", "nginx"] as const) {
    it.skipIf(!has(format))(`balances a real request in each mode with the exported configuration (needs ${format}) [S2-18] [S3-04] [S0-06]`, async () => {
      const dead = await freePort();
      const members = (port: number) => [{ name: "pgp01", host: "127.0.0.1", port }, { name: "pgp02", host: "127.0.0.1", port: dead }];
      const verified = { verify: { kind: "anchors" as const, anchorsPem: [ca.certPem], name: stampName } };
      const forms: Record<string, [Form, "http" | "https"]> = {
        tcp: [{ mode: "tcp", pool: { name: "p", members: members(memberPort.plain) } }, "http"],
        "pass-through": [{ serverNames: [stampName], pool: { name: "p", members: members(memberPort.tls) } }, "https"],
        "off-load, http": [{ mode: "tls-offload", protocol: "http", certificateIds: [certificateId], serverNames: [stampName], persistence: { kind: "cookie-insert" }, pool: { name: "p", members: members(memberPort.plain) } }, "https"],
        "off-load, tcp": [{ mode: "tls-offload", certificateIds: [certificateId], pool: { name: "p", members: members(memberPort.plain) } }, "https"],
        "re-encrypt, http": [{ mode: "tls-reencrypt", protocol: "http", certificateIds: [certificateId], serverNames: [stampName], memberTls: verified, pool: { name: "p", members: members(memberPort.tls) } }, "https"],
        "re-encrypt, tcp": [{ mode: "tls-reencrypt", certificateIds: [certificateId], memberTls: verified, pool: { name: "p", members: members(memberPort.tls) } }, "https"],
      };
      const answers: Record<string, string> = {};
      for (const [what, [form, scheme]] of Object.entries(forms)) {
        const { id, port } = await create(form);
        const { text, fileName } = await sheet(id, format);
        await run(format, inFolder(text, fileName), port);
        answers[what] = await get(port, scheme);
        if (what === "pass-through") answers["pass-through, unknown name"] = (await get(port, scheme, "other.example.com")).startsWith("200") ? "answered" : "refused";
      }
      expect(answers).toEqual({ ...Object.fromEntries(Object.keys(forms).map((what) => [what, `200 answer to ${stampName}`])), "pass-through, unknown name": "refused" });
    }, 60_000);
  }
});

describe("the balancer in front of a gateway", () => {
  it.skipIf(!has("haproxy") || !has("nginx"))("passes TCP to every gateway of the public name and ends no TLS, in a form that HAProxy and nginx accept (needs haproxy and nginx) [S0-01] [S0-04]", async () => {
    const publicNames = ["gw.example.com"];
    const first = await org.as("administrator").gateway.create({ name: "gw-1", publicNames, listeners: [{ address: "192.0.2.11", port: 8443 }] });
    await org.as("administrator").gateway.create({ name: "gw-2", publicNames });
    await org.as("administrator").gateway.create({ name: "gw-3", publicNames: ["elsewhere.example.com"] });
    for (const format of ["haproxy", "nginx", "f5", "neutral"] as const) {
      const { text, notes, fileName } = await gatewaySheet(org.callerAs("auditor"), { id: first.id, format });
      expect(text).toContain("192.0.2.11:8443");
      expect(text).toContain("192.0.2.2:443");
      expect(text).not.toContain("gw-3");
      expect(text).not.toMatch(/\bcrt\b|ssl_certificate|client-ssl \w+_client/);
      expect(notes.join(" ")).toContain('192.0.2.2 stands for the address of "gw-2"');
      if (format === "haproxy" || format === "nginx") expect(accepts(format, inFolder(text, fileName))).toMatchObject({ accepted: true });
    }
  });

  it("sends PROXY protocol when the listeners demand it [S0-01] [S0-04]", async () => {
    const { id } = await org.as("administrator").gateway.create({ name: "gw-proxy", publicNames: ["proxy.example.com"], listeners: [{ address: "192.0.2.31", port: 443, acceptProxy: { kind: "required", sources: ["192.0.2.0/24"] } }] });
    expect((await gatewaySheet(org.callerAs("auditor"), { id, format: "haproxy" })).text).toContain("send-proxy-v2");
  });
});
