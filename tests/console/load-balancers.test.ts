/** Real load balancers in front of a real tunnel gateway, set up with the recipe that the console gives out: agents work, and a balancer that ends TLS is named. */
import "../support/with-database.ts";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import type tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { storeCertificate } from "../../server/services/certificate/store.ts";
import { runLint } from "../../server/services/lint/run.ts";
import { gatewaySheet } from "../../server/services/sheet/gateway.ts";
import { GatewayBench, readAll, serverAt, type TestAgent } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import { type CountingServer, echoServer, freePort, until } from "../support/sockets.ts";
import { makeAgent, makeGroup, makeOrganisation, type Organisation } from "./support/console.ts";

const has = (program: string): boolean => !spawnSync(program, ["-v"]).error;

let org: Organisation;
let bench: GatewayBench;
let echo: CountingServer;
let agent: TestAgent;
let directory: string;
let gatewayId: string;
let frontPort: number;
const children: ChildProcess[] = [];

beforeAll(async () => {
  org = await makeOrganisation();
  echo = await echoServer();
  bench = await GatewayBench.start({ runtime: "node" }, [serverAt(echo.port)]);
  agent = await bench.agent();
  directory = mkdtempSync(path.join(os.tmpdir(), "sallyport-front-"));
  frontPort = await freePort();
  const { certPem, keyPem, chainPem } = bench.listenerCertificate;
  const { certificateId } = await db().$transaction((tx) => storeCertificate(tx, { organisationId: org.id, purpose: "gateway-listener", pem: certPem, chainPem, keyPem }));
  gatewayId = (await org.as("administrator").gateway.create({ name: "gw-1", publicNames: ["localhost"], publicPort: frontPort, isBehindLoadBalancer: true, listeners: [{ address: "127.0.0.1", port: bench.listener.port }] })).id;
  await db().gateway.update({ where: { id: gatewayId }, data: { presentedCertificateId: certificateId, enrolledAt: new Date() } });
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    const gone = new Promise((resolve) => void child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
});

afterAll(async () => {
  await bench.close();
  await echo.close();
  rmSync(directory, { recursive: true, force: true });
});

async function runFront(program: "haproxy" | "nginx", text: string): Promise<void> {
  const file = path.join(directory, `${program}.conf`);
  writeFileSync(file, text);
  const child = program === "haproxy" ? spawn("haproxy", ["-f", file]) : spawn("nginx", ["-e", "stderr", "-g", `daemon off; master_process off; pid ${directory}/nginx.pid;`, "-c", file]);
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  await until(async () => child.exitCode !== null || (await opens(frontPort)), `${program} listens`, 15_000);
  if (child.exitCode !== null) throw new Error(`${program} ended: ${output}`);
}

async function opens(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** The console's own recipe; the address for documentation is replaced, as its note says. */
async function recipe(format: "haproxy" | "nginx"): Promise<string> {
  return (await gatewaySheet(org.callerAs("auditor"), { id: gatewayId, format })).text.replaceAll("192.0.2.1:", "127.0.0.1:");
}

async function makePolicy(): Promise<string> {
  const name = `Outside ${Math.random().toString(36).slice(2)}`;
  return (await org.as("administrator").policy.create({ name, gateways: [{ gatewayId, fqdn: "localhost", port: frontPort, pins: [bench.listenerCertificate.fingerprint] }], groupIds: [await makeGroup(org)] })).id;
}

/** The listener's setting in the console and in the gateway. */
async function acceptProxy(isOn: boolean): Promise<void> {
  const setting = isOn ? { kind: "required" as const, sources: ["127.0.0.0/8"] } : { kind: "off" as const };
  bench.listener.acceptProxy = setting;
  await bench.applied();
  await db().gatewayListener.updateMany({ where: { gatewayId }, data: { acceptProxy: setting } });
}

describe("a load balancer in front of a tunnel gateway", () => {
  for (const program of ["haproxy", "nginx"] as const) {
    it.skipIf(!has(program))(`passes agents through with the console's recipe, and the check through the public name says so (needs ${program}) [S0-01] [S0-02] [S0-04] [S0-05] [S0-06] [S0-12]`, async () => {
      await acceptProxy(false);
      await runFront(program, await recipe(program));
      const answer = await bench.connect(agent, `app.internal:${echo.port}`, { port: frontPort });
      expect(answer.status).toBe(200);
      expect(answer.socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(bench.listenerCertificate.fingerprint);
      answer.socket.end("through the balancer");
      expect((await readAll(answer.socket)).toString()).toBe("through the balancer");
      expect(await org.as("operator").policy.check({ id: await makePolicy() })).toMatchObject([{ answers: true, pinFits: true, isCertificateProxy: false, answersPlainHttp: false, detail: expect.stringContaining("passes TLS through") }]);
    }, 60_000);
  }

  it.skipIf(!has("haproxy"))("tells the gateway who the agent is by PROXY protocol, and the recipe says so when the listener demands it (needs haproxy) [S0-01] [S0-04] [T26]", async () => {
    await acceptProxy(true);
    const text = await recipe("haproxy");
    expect(text).toContain("send-proxy-v2");
    await runFront("haproxy", text);
    const answer = await bench.connect(agent, `app.internal:${echo.port}`, { port: frontPort, localAddress: "127.0.0.99" } as tls.ConnectionOptions);
    expect(answer.status).toBe(200);
    answer.socket.destroy();
    await until(() => bench.tunnels.some((tunnel) => tunnel.source.includes("127.0.0.99")), "the tunnel's report names the agent's own address");
    await acceptProxy(false);
  }, 60_000);

  it.skipIf(!has("haproxy"))("is named as a certificate proxy when it ends TLS: by the check, by the agent's page, by lint and on the overview, with both fingerprints (needs haproxy) [S0-03] [S0-08] [S0-09]", async () => {
    const ca = await TestCa.root({ commonName: "Somebody's CA" });
    const foreign = await ca.issue({ commonName: "localhost", dns: ["localhost"], usage: ["server"] });
    writeFileSync(path.join(directory, "foreign.pem"), foreign.chainPem + foreign.keyPem);
    await runFront("haproxy", `defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\nfrontend f\n  bind 127.0.0.1:${frontPort} ssl crt ${directory}/foreign.pem\n  default_backend b\nbackend b\n  server gw 127.0.0.1:${bench.listener.port} ssl verify none\n`);
    const own = bench.listenerCertificate.fingerprint;
    const policyId = await makePolicy();
    const [check] = await org.as("operator").policy.check({ id: policyId });
    expect(check).toMatchObject({ pinFits: false, isCertificateProxy: true, presented: foreign.fingerprint, own });
    for (const words of ["A certificate proxy answers TLS in place of gateway \"gw-1\"", foreign.fingerprint, own, "load balancer"]) expect(check?.detail).toContain(words);

    const id = await makeAgent(org, { hostname: "field-7" });
    const attempt = { at: new Date().toISOString(), path: { kind: "gateway", gatewayId, name: "localhost" }, step: "tcp", code: "pin-mismatch", detail: `localhost:${frontPort} presented ${foreign.fingerprint}; pinned: ${own}.`, connectionId: null };
    await db().agent.update({ where: { id }, data: { attempts: [attempt] } });
    expect((await org.as("auditor").agent.get({ id })).diagnoses).toMatchObject([{ code: "certificate-proxy", gateway: { id: gatewayId, name: "gw-1" }, seen: foreign.fingerprint, own }]);
    const { findings } = await runLint(org.callerAs("auditor"), { severity: "note" });
    const found = findings.find((finding) => finding.code === "certificate-proxy");
    expect(found).toMatchObject({ severity: "error", object: { kind: "gateway", id: gatewayId } });
    for (const words of ["field-7", foreign.fingerprint, own]) expect(found?.sentence).toContain(words);

    expect((await org.as("auditor").overview.view()).warnings).toContainEqual(expect.objectContaining({ code: "certificate-proxy", link: `/gateways/${gatewayId}` }));

    // The gateway's own certificate that is merely not pinned is another fault, and an old attempt says nothing about today.
    await db().agent.update({ where: { id }, data: { attempts: [{ ...attempt, detail: attempt.detail.replace(foreign.fingerprint, own) }, { ...attempt, at: new Date(Date.now() - 25 * 3_600_000).toISOString() }] } });
    expect((await org.as("auditor").agent.get({ id })).diagnoses).toEqual([]);
    expect((await org.as("auditor").overview.view()).warnings.map((warning) => warning.code)).not.toContain("certificate-proxy");
  }, 60_000);
});
