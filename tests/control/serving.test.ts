/** A gateway from its token to a live tunnel, and what happens to it when its agent is revoked. */
import "../support/with-database.ts";
import fs from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ControlBench, echoThrough, openTunnel, type Worker } from "../support/control-bench.ts";
import { type CountingServer, echoServer, until } from "../support/sockets.ts";

let bench: ControlBench;
let echo: CountingServer;
let gateway: { id: string; port: number; listenerId: string };
let worker: Worker;

beforeAll(async () => {
  bench = await ControlBench.start();
  echo = await echoServer();
  const serverId = await bench.server("echo.internal", echo.port);
  gateway = await bench.gateway({ serverIds: [serverId] });
  worker = bench.worker({ token: await bench.token(gateway.id) });
  await worker.serving();
});
afterAll(async () => {
  await bench.close();
  await echo.close();
});

describe("a gateway that was just enrolled", () => {
  it("serves what the console wants, with an identity and a key that only it can read [S1-23] [S1-29]", async () => {
    const row = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
    expect(row.enrolledAt).not.toBeNull();
    await until(async () => (await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).appliedRevision === row.revision, "the console knows the applied revision");
    expect(fs.statSync(path.join(worker.stateDir, "identity.json")).mode & 0o777).toBe(0o600);
    for (const file of fs.readdirSync(path.join(worker.stateDir, "listener"))) expect(fs.statSync(path.join(worker.stateDir, "listener", file)).mode & 0o777).toBe(0o600);
    expect(fs.existsSync(path.join(worker.stateDir, "token"))).toBe(false);
  });

  it("shows in the console the fingerprint that clients really see [S1-32] [S1-53]", async () => {
    const seen = await new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ host: "127.0.0.1", port: gateway.port, rejectUnauthorized: false }, () => {
        resolve(createHash("sha256").update(socket.getPeerCertificate().raw).digest("hex"));
        socket.destroy();
      });
      socket.on("error", reject);
    });
    const row = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
    const certificate = await bench.db.certificate.findUniqueOrThrow({ where: { id: row.presentedCertificateId ?? "" } });
    expect(certificate).toMatchObject({ fingerprint: seen, purpose: "gateway-listener", gatewayId: gateway.id });
    expect((await worker.view()).fingerprint).toBe(seen);
  });

  it("carries an agent's tunnel, reports it, and ends it within two seconds of the agent's revocation, and nobody else's [T10]", async () => {
    const [agent, other] = [await bench.agent(gateway), await bench.agent(gateway)];
    const { revision } = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
    await worker.until((view) => view.status.revision >= revision && view.counters.accessEntries >= 2, "the policy and the agents are live");
    const [tunnel, untouched] = [await openTunnel(gateway, agent, `echo.internal:${echo.port}`), await openTunnel(gateway, other, `echo.internal:${echo.port}`)];
    expect(await echoThrough(tunnel, "hello")).toBe("hello");
    await until(async () => (await bench.db.tunnel.count({ where: { agentId: agent.id, bytesUp: { gt: 0 } } })) === 1, "the tunnel is on the agent's page");
    await until(async () => (await bench.db.agent.findUniqueOrThrow({ where: { id: agent.id } })).lastSeenAt !== null, "bytes in a tunnel prove the agent alive");
    const closed = new Promise<number>((resolve) => tunnel.once("close", () => resolve(performance.now())));
    await bench.revoke(agent);
    const revokedAt = performance.now();
    expect((await closed) - revokedAt).toBeLessThan(2_000);
    await expect(openTunnel(gateway, agent, `echo.internal:${echo.port}`)).rejects.toThrow();
    expect(await echoThrough(untouched, "still here")).toBe("still here");
    untouched.destroy();
    await until(async () => (await bench.db.refusal.count({ where: { agentId: agent.id, code: "agent-revoked" } })) > 0, "the refusal is in the console's list", 4_000);
    await until(async () => (await bench.db.tunnel.findFirstOrThrow({ where: { agentId: agent.id } })).endedAt !== null, "the tunnel's end is on the agent's page");
  });
});
