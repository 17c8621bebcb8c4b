/** What a gateway presents, what it finds when it dials its servers, and what it tells the console about itself. */
import "../support/with-database.ts";
import { createHash } from "node:crypto";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ControlBench, type Worker } from "../support/control-bench.ts";
import { TestCa } from "../support/pki.ts";
import { type CountingServer, countingServer, freePort, until } from "../support/sockets.ts";

let bench: ControlBench;
const workers: Worker[] = [];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  bench = await ControlBench.start();
});
afterAll(async () => {
  await bench.close();
  for (const close of closers) await close();
});

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
});

async function run(gateway: { id: string }): Promise<Worker> {
  const worker = bench.worker({ token: await bench.token(gateway.id) });
  workers.push(worker);
  await worker.serving();
  return worker;
}

async function presented(port: number): Promise<{ fingerprint: string; issuer: string; keyType: string }> {
  return await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate) resolve({ fingerprint: createHash("sha256").update(certificate.raw).digest("hex"), issuer: certificate.issuer, keyType: certificate.publicKey.asymmetricKeyType ?? "" });
      else reject(new Error("no certificate"));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

const stored = async (gatewayId: string) => {
  const { presentedCertificateId } = await bench.db.gateway.findUniqueOrThrow({ where: { id: gatewayId } });
  return presentedCertificateId === null ? null : await bench.db.certificate.findUnique({ where: { id: presentedCertificateId } });
};

describe("the certificate that a gateway presents", () => {
  it("is made on the gateway, kept over a restart, and replaced when the console asks for a new generation [S1-29]", { timeout: 120_000 }, async () => {
    const gateway = await bench.gateway();
    const worker = await run(gateway);
    const first = await presented(gateway.port);
    await worker.kill();
    const again = bench.worker({ stateDir: worker.stateDir });
    workers.push(again);
    await again.serving();
    expect((await presented(gateway.port)).fingerprint).toBe(first.fingerprint);
    const { renewGatewayCertificate } = await import("../../server/services/gateway/renew-certificate.ts");
    await renewGatewayCertificate(bench.caller, { id: gateway.id });
    await until(async () => (await presented(gateway.port)).fingerprint !== first.fingerprint, "the listener presents the new one");
    await until(async () => (await stored(gateway.id))?.fingerprint === (await presented(gateway.port)).fingerprint, "the console shows the new one");
    expect(await bench.db.certificate.count({ where: { gatewayId: gateway.id, purpose: "gateway-listener", isCurrent: true } })).toBe(1);
  });

  it("is signed by the organisation's CA when that is chosen, with an RSA key when that is chosen [S1-13] [S1-14]", { timeout: 120_000 }, async () => {
    const gateway = await bench.gateway({ certificateKind: "ca-issued", keyType: "rsa-2048" });
    await run(gateway);
    const seen = await presented(gateway.port);
    expect(seen).toMatchObject({ issuer: expect.stringContaining("issuing CA"), keyType: "rsa" });
    expect(await stored(gateway.id)).toMatchObject({ fingerprint: seen.fingerprint, sealedKey: null });
  });

  it("is the third party's that was imported, and the console knows that it is really served [S1-30]", { timeout: 120_000 }, async () => {
    const gateway = await bench.gateway();
    const worker = await run(gateway);
    const imported = await (await TestCa.root()).issue({ dns: ["localhost"], usage: ["server"] });
    const { storeCertificate } = await import("../../server/services/certificate/store.ts");
    const { bumpGateways } = await import("../../server/services/change/publish.ts");
    await bench.db.$transaction(async (tx) => {
      const row = await storeCertificate(tx, { organisationId: bench.organisationId, purpose: "imported", name: "third party", pem: imported.certPem, chainPem: imported.chainPem, keyPem: imported.keyPem });
      await tx.gateway.update({ where: { id: gateway.id }, data: { certificateKind: "imported", importedCertificateId: row.certificateId } });
      await bumpGateways(tx, bench.organisationId, [gateway.id]);
    });
    await until(async () => (await presented(gateway.port)).fingerprint === imported.fingerprint, "the listener presents it");
    await until(async () => (await stored(gateway.id))?.fingerprint === imported.fingerprint, "the console shows it");
    expect(worker.output).not.toContain("PRIVATE KEY");
    expect((await bench.db.gatewayLog.findMany({ where: { gatewayId: gateway.id } })).map((line) => line.message).join()).not.toContain("PRIVATE KEY");
  });
});

describe("what a gateway reports", () => {
  it("says per server whether TCP and TLS answer, and sees it soon when that changes [S1-43]", { timeout: 120_000 }, async () => {
    const leaf = await (await TestCa.root()).issue({ dns: ["up.internal"], usage: ["server"] });
    const up = tls.createServer({ cert: leaf.certPem, key: leaf.keyPem }, (socket) => socket.on("error", () => socket.destroy()));
    await new Promise<void>((resolve) => up.listen(0, "127.0.0.1", resolve));
    closers.push(async () => await new Promise((resolve) => up.close(() => resolve())));
    const mute: CountingServer = await countingServer(() => {});
    closers.push(mute.close);
    const [upId, muteId, downId] = [await bench.server("up.internal", (up.address() as { port: number }).port), await bench.server("mute.internal", mute.port), await bench.server("down.internal", await freePort())];
    const gateway = await bench.gateway({ serverIds: [upId, muteId, downId] });
    await run(gateway);
    const reach = async (serverId: string) => await bench.db.serverReach.findUnique({ where: { gatewayId_serverId: { gatewayId: gateway.id, serverId } } });
    await until(async () => (await reach(muteId)) !== null && (await reach(downId)) !== null, "the servers were dialled", 15_000);
    expect(await reach(upId)).toMatchObject({ isReachable: true, detail: "TCP and TLS answer" });
    expect(await reach(muteId)).toMatchObject({ isReachable: false, detail: expect.stringContaining("no TLS handshake") });
    expect(await reach(downId)).toMatchObject({ isReachable: false, detail: expect.stringContaining("nothing listens there") });
    const { ports } = await bench.db.server.findUniqueOrThrow({ where: { id: downId } });
    const late = tls.createServer({ cert: leaf.certPem, key: leaf.keyPem });
    await new Promise<void>((resolve) => late.listen(ports[0], "127.0.0.1", resolve));
    closers.push(async () => await new Promise((resolve) => late.close(() => resolve())));
    await until(async () => (await reach(downId))?.isReachable === true, "the one that came up is seen", 20_000);
  });

  it("forwards warnings under the gateway's own identity, asking for no password; switched off it sends none and says so [S1-46] [S1-47] [S1-48] [S1-49]", { timeout: 120_000 }, async () => {
    const { getGateway } = await import("../../server/services/gateway/get.ts");
    const gateway = await bench.gateway();
    const said = async () => (await getGateway(bench.caller, gateway)).logForwarding;
    expect(await said()).toEqual({ isOn: false, detail: expect.stringContaining("off: it has no identity yet") });
    const worker = await run(gateway);
    const lines = async () => await bench.db.gatewayLog.findMany({ where: { gatewayId: gateway.id } });
    const [engine] = (await worker.view()).status.engines;
    process.kill(engine?.pid ?? 0, "SIGKILL");
    await until(async () => (await lines()).some((line) => /engine 0 is gone|engine 0 ended/.test(line.message)), "the console shows that an engine died");
    expect((await lines()).every((line) => line.level === "warn" || line.level === "error")).toBe(true);
    expect(await said()).toEqual({ isOn: true, detail: "on, with the gateway's own identity" });
    expect((await worker.view()).logForwarding).toBe("on, with the gateway's own identity");
    await worker.serving();
    await bench.db.gateway.update({ where: { id: gateway.id }, data: { forwardLogs: false } });
    await bench.bump(gateway.id);
    await worker.until((view) => view.logForwarding === "off: switched off in the console", "the gateway knows that it is off");
    expect(await said()).toEqual({ isOn: false, detail: expect.stringContaining("off: switched off") });
    const before = (await lines()).length;
    const [next] = (await worker.view()).status.engines;
    process.kill(next?.pid ?? 0, "SIGKILL");
    await worker.until((view) => view.status.engines[0]?.restarts === 2 && view.status.engines[0].state === "running", "it is started again");
    await until(async () => (await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).statusAt !== null, "reports go on");
    expect((await lines()).length).toBe(before);
  });

  it("takes no log line from a gateway whose identity was revoked, and both sides say that forwarding is off [S1-47] [S1-48]", { timeout: 120_000 }, async () => {
    const { getGateway } = await import("../../server/services/gateway/get.ts");
    const gateway = await bench.gateway();
    const worker = await run(gateway);
    await bench.db.certificate.updateMany({ where: { gatewayId: gateway.id, purpose: "gateway-control" }, data: { revokedAt: new Date(), isCurrent: false } });
    await worker.until((view) => view.channel.state !== "subscribed" && view.logForwarding.startsWith("off: the console is not connected"), "the gateway says that forwarding is off");
    const [before, [engine]] = [await bench.db.gatewayLog.count({ where: { gatewayId: gateway.id } }), (await worker.view()).status.engines];
    process.kill(engine?.pid ?? 0, "SIGKILL");
    await worker.until((view) => view.status.engines[0]?.restarts === 1 && view.status.engines[0].state === "running", "it is started again");
    await until(async () => (await getGateway(bench.caller, gateway)).logForwarding.detail.startsWith("off: its identity was revoked"), "the console says that forwarding is off");
    expect(await bench.db.gatewayLog.count({ where: { gatewayId: gateway.id } })).toBe(before);
  });

  it("answers health, readiness and metrics on the loopback and nothing else", { timeout: 120_000 }, async () => {
    const gateway = await bench.gateway();
    const worker = await run(gateway);
    const admin = await worker.admin();
    expect(await (await fetch(`${admin}/healthz`)).text()).toBe("up\n");
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    for (const name of ["ready 1", "console_connected 1", "snapshot_revision", "tunnels 0", "access_version"]) expect(metrics).toContain(`sallyport_gateway_${name}`);
    expect((await fetch(`${admin}/status`, { method: "POST" })).status).toBe(405);
    expect((await fetch(`${admin}/identity.json`)).status).toBe(404);
    await until(async () => (await bench.db.gatewaySample.count({ where: { gatewayId: gateway.id } })) > 0, "a sample for the overview is there", 15_000);
  });
});
