/** Changes under live tunnels, dying engines and draining: who loses what is exactly what the design says. */
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import type tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EngineGroup } from "../../gateway-worker/supervisor/engines.ts";
import { GatewayBench, readAll, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import { echoServer, freePort, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

describe.each(runtimes)("a gateway on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let agent: TestAgent;
  let target: string;
  beforeEach(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime, engines: 2 }, [serverAt(echo.port)]);
    agent = await bench.agent();
    target = `app.internal:${echo.port}`;
  });
  afterEach(async () => {
    await bench.close();
    await echo.close();
  });

  async function tunnel(): Promise<tls.TLSSocket> {
    const answer = await bench.connect(agent, target);
    expect(answer.status).toBe(200);
    answer.socket.resume();
    return answer.socket;
  }

  async function echoes(socket: tls.TLSSocket): Promise<boolean> {
    const back = new Promise<boolean>((resolve) => void socket.once("data", () => resolve(true)).once("close", () => resolve(false)));
    socket.write("?");
    return await back;
  }

  it("keeps live tunnels and the listening socket over 20 reloads under traffic, each connection decided by one revision", async () => {
    const live = await Promise.all(Array.from({ length: 6 }, tunnel));
    let isDone = false;
    const outcomes: number[] = [];
    const visitor = (async () => {
      while (!isDone) {
        const answer = await bench.connect(agent, target).catch(() => undefined);
        outcomes.push(answer?.status ?? -1);
        answer?.socket.destroy();
      }
    })();
    for (let round = 0; round < 20; round += 1) {
      bench.snapshot.servers = [serverAt(echo.port), serverAt(7, { id: randomUUID(), names: [`new-${round}.internal`], ports: [7] })];
      await bench.applied();
    }
    isDone = true;
    await visitor;
    expect(new Set(outcomes)).toEqual(new Set([200]));
    for (const socket of live) expect(await echoes(socket)).toBe(true);
    for (const socket of live) socket.destroy();
  });

  it("presents a renewed certificate and trusts a new CA on the same socket, live tunnels kept [S0-11]", async () => {
    const live = await tunnel();
    const renewed = await TestCa.root({ commonName: "gw-1 renewed", isCa: false, usage: ["server"], dns: ["localhost"] });
    const newRoot = await TestCa.root({ commonName: "Acme Root 2", organisation: "Acme" });
    bench.certificates = [{ listenerId: bench.listener.id, chainPem: renewed.issued.chainPem, keyPem: renewed.issued.keyPem }];
    bench.snapshot.clientTrustAnchorsPem = [newRoot.certPem];
    await bench.applied();
    const socket = await bench.tls(undefined);
    expect(createHash("sha256").update(socket.getPeerCertificate().raw).digest("hex")).toBe(renewed.issued.fingerprint);
    socket.destroy();
    expect((await bench.connect(agent, target)).headers["proxy-status"]).toMatch(/certificate-(untrusted|chain-incomplete)/);
    const next = await bench.agent({}, {}, newRoot);
    expect((await bench.connect(next, target)).status).toBe(200);
    expect(await echoes(live)).toBe(true);
    await until(() => bench.group.status().listeners[0]?.fingerprint === renewed.issued.fingerprint, "the new fingerprint in the status");
    live.destroy();
  });

  it("keeps serving the last good revision when the new one is refused, and names every problem [T37]", async () => {
    const live = await tunnel();
    const taken = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const good = structuredClone(bench.snapshot);
    const other = { ...bench.listener, id: randomUUID(), port: await freePort() };
    const direct = { ...bench.listener, id: randomUUID(), port: await freePort(), mode: { kind: "direct" as const, serverId: randomUUID(), port: 1 } };
    bench.snapshot.revision += 1;
    bench.snapshot.servers = [];
    bench.snapshot.clientTrustAnchorsPem = ["not a certificate", agent.certPem];
    bench.snapshot.listeners = [bench.listener, other, direct];
    bench.certificates = [{ listenerId: bench.listener.id, chainPem: bench.listenerCertificate.chainPem, keyPem: agent.keyPem }, { listenerId: direct.id, chainPem: "x", keyPem: "y" }];
    const result = await bench.apply();
    if (result.ok) throw new Error("it was accepted");
    expect(result.problems.map((problem) => `${problem.path} ${problem.code}`).sort()).toEqual(
      ["clientTrustAnchorsPem[0] anchor-unreadable", "clientTrustAnchorsPem[1] anchor-not-ca", "listeners[0].certificate certificate-unusable", "listeners[1].certificate certificate-absent", "listeners[2].certificate certificate-unusable", "listeners[2].mode.serverId direct-server-unknown"].sort(),
    );
    expect(await echoes(live)).toBe(true);
    expect(await echoes(await tunnel())).toBe(true);
    bench.snapshot = good;
    bench.certificates = [{ listenerId: bench.listener.id, chainPem: bench.listenerCertificate.chainPem, keyPem: bench.listenerCertificate.keyPem }];
    bench.snapshot.listeners.push({ ...other, port: (taken.address() as net.AddressInfo).port });
    bench.certificates.push({ ...(bench.certificates[0] as (typeof bench.certificates)[number]), listenerId: other.id });
    const busy = await bench.apply();
    expect(busy).toMatchObject({ ok: false, problems: [{ path: "listeners[1].port", code: "listener-bind" }] });
    expect(await echoes(await tunnel())).toBe(true);
    expect(bench.group.status().revision).toBe(good.revision);
    taken.close();
    live.destroy();
  });

  it("moves a listener to another port and lets old tunnels finish", async () => {
    const live = await tunnel();
    const oldPort = bench.listener.port;
    bench.listener.port = await freePort();
    await bench.applied();
    expect(await echoes(await tunnel())).toBe(true);
    expect(await echoes(live)).toBe(true);
    const refused = net.connect(oldPort, "127.0.0.1");
    expect(await new Promise((resolve) => void refused.once("error", () => resolve("refused")).once("connect", () => resolve("connected")))).toBe("refused");
    live.destroy();
  });

  it("restarts an engine that was killed and feeds it; the other engine's tunnels never notice [T38]", async () => {
    const sockets = await Promise.all(Array.from({ length: 16 }, tunnel));
    const victim = bench.enginePid(0);
    const [spared, lost] = await sharesOf(bench, sockets.length);
    expect(spared + lost).toBe(16);
    process.kill(victim, "SIGKILL");
    // A killed process's sockets are closed by the kernel: an end, or a reset where bytes were unread.
    const isGone = (socket: tls.TLSSocket): boolean => socket.destroyed || socket.readableEnded;
    await until(() => sockets.filter(isGone).length === lost, "exactly the victim's tunnels are gone");
    await until(() => bench.group.status().engines.every((engine) => engine.state === "running") && bench.enginePid(0) !== victim, "the engine runs again");
    expect(bench.group.status().engines[0]?.restarts).toBe(1);
    expect(bench.logs.some((line) => line.level === "error" && line.message.includes("engine 0"))).toBe(true);
    expect(sockets.filter((socket) => !isGone(socket))).toHaveLength(spared);
    for (const socket of sockets) if (!isGone(socket)) expect(await echoes(socket)).toBe(true);
    // The new engine knows who may connect and whom to reach: with two engines sharing the port, 20 in a row hit both.
    for (let index = 0; index < 20; index += 1) {
      const socket = await tunnel();
      expect(await echoes(socket)).toBe(true);
      socket.destroy();
    }
    for (const socket of sockets) socket.destroy();
  });

  it("serves on while its supervisor reads nothing, as when a log pipe is blocked [T38]", async () => {
    // Server and client live in a process of their own; this one, the supervisor, stops turning for three seconds.
    const folder = mkdtempSync(path.join(os.tmpdir(), "sallyport-blocked-"));
    writeFileSync(path.join(folder, "cert"), agent.chainPem);
    writeFileSync(path.join(folder, "key"), agent.keyPem, { mode: 0o600 });
    const port = await freePort();
    bench.snapshot.servers.push(serverAt(port, { id: randomUUID(), names: ["other.internal"] }));
    await bench.applied();
    const child = spawn(process.execPath, ["-e", visitorScript, String(bench.listener.port), String(port), folder], { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    await until(() => printed.includes("ready"), "the visitor runs");
    const from = Date.now();
    const awakeAt = performance.now() + 3_000;
    while (performance.now() < awakeAt);
    const to = Date.now();
    await until(() => printed.includes(`done`), "the visitor is done", 10_000);
    const visits = printed.split("\n").filter((line) => /^\d+$/.test(line)).map(Number);
    expect(visits.filter((at) => at > from + 1_500 && at < to).length).toBeGreaterThan(5);
    expect(printed).not.toContain("failed");
    await until(() => bench.refusals.some((refusal) => refusal.code === "certificate-missing"), "what waited is reported afterwards");
    rmSync(folder, { recursive: true });
  });

  it("drains: no new connections, running tunnels finish, and the rest is cut at the deadline", async () => {
    const [finishing, staying] = [await tunnel(), await tunnel()];
    const echoed = readAll(finishing);
    const drained = bench.group.drain(1_200);
    await until(() => bench.group.status().isDraining && bench.group.status().listeners.every((listener) => listener.state !== "accepting"), "no listener accepts");
    await expect(bench.tls(agent)).rejects.toThrow();
    finishing.end("last words");
    expect((await echoed).toString()).toBe("last words");
    expect(staying.destroyed).toBe(false);
    expect((await drained).tunnelsCut).toBe(1);
    await until(() => staying.destroyed, "the last tunnel was cut");
  });
});

/** Tunnels of engines 1 and 0, once the reports agree on all of them. */
async function sharesOf(bench: GatewayBench, total: number): Promise<[number, number]> {
  await until(() => bench.group.status().tunnels === total, "all tunnels are reported");
  const [zero, one] = bench.group.status().engines;
  return [one?.tunnels ?? 0, zero?.tunnels ?? 0];
}

/** Visits the echo server through the gateway over and over for five seconds, printing the time of each success; every other visit has no certificate. */
const visitorScript = `
const [gateway, port, folder] = process.argv.slice(1);
const fs = require("node:fs"), net = require("node:net"), tls = require("node:tls");
const identity = { cert: fs.readFileSync(folder + "/cert"), key: fs.readFileSync(folder + "/key") };
net.createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(Number(port), "127.0.0.1", () => {
  console.log("ready");
  const end = Date.now() + 5000;
  const visit = (isKnown) => {
    if (Date.now() > end) { console.log("done"); process.exit(); }
    const socket = tls.connect({ host: "127.0.0.1", port: Number(gateway), rejectUnauthorized: false, ...(isKnown ? identity : {}) });
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes(" 200 ") && !text.includes("ping")) socket.write("ping");
      if (text.includes("ping") || text.includes(" 403 ")) { console.log(isKnown && text.includes("ping") ? Date.now() : isKnown ? "failed" : "refused"); socket.destroy(); }
    });
    socket.on("close", () => setTimeout(visit, 20, !isKnown));
    socket.write("CONNECT other.internal:" + port + " HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
  };
  visit(true);
});
`;

describe("a group of engines", () => {
  it("says which engine does not start, and why, when the runtime is broken [T38]", async () => {
    const logs: string[] = [];
    const group = new EngineGroup({ runtime: "node", count: 1, nodePath: "/nonexistent/node", onRefusals: () => {}, onTunnels: () => {}, onStatus: () => {}, onLog: (line) => void logs.push(line.message) });
    await expect(group.start(700)).rejects.toThrow(/engines 0 did not start/);
    expect(logs.some((line) => line.includes("/nonexistent/node"))).toBe(true);
    await group.close();
  });
});
