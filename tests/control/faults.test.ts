/** What a gateway does when the console, the network, the disk or a setting is bad: it serves on, says what is wrong, and catches up. */
import "../support/with-database.ts";
import { existsSync, readFileSync, writeFileSync, appendFileSync } from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ControlChannel, type ChannelHost } from "../../gateway-worker/supervisor/control/channel.ts";
import { enrol, readGatewayToken } from "../../gateway-worker/supervisor/identity/enrol.ts";
import { type BenchAgent, ControlBench, echoThrough, openTunnel, type Worker } from "../support/control-bench.ts";
import { type CountingServer, countingServer, echoServer, until } from "../support/sockets.ts";

let bench: ControlBench;
let echo: CountingServer;
let serverId: string;
let gateway: { id: string; port: number; listenerId: string };
let agent: BenchAgent;
let worker: Worker;
const target = (): string => `echo.internal:${echo.port}`;
const row = async () => await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });

beforeAll(async () => {
  bench = await ControlBench.start();
  echo = await echoServer();
  serverId = await bench.server("echo.internal", echo.port);
});
afterAll(async () => {
  await bench.close();
  await echo.close();
});
beforeEach(async () => {
  gateway = await bench.gateway({ serverIds: [serverId] });
  agent = await bench.agent(gateway);
  worker = bench.worker({ token: await bench.token(gateway.id) });
  await worker.serving();
  await until(async () => (await row()).appliedRevision === (await row()).revision, "the console knows what the gateway runs");
});
afterEach(async () => await worker.kill());

/** Somebody without a certificate knocks: makes one refusal. */
async function knock(): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = tls.connect({ host: "127.0.0.1", port: gateway.port, rejectUnauthorized: false }, () => socket.write("CONNECT x:1 HTTP/1.1\r\n\r\n"));
    socket.on("error", () => resolve());
    socket.on("data", () => {});
    socket.on("close", () => resolve());
  });
}

describe("while the console is away", () => {
  it("keeps every tunnel, takes new ones, says how old its settings are, and delivers its refusals once afterwards [N12]", { timeout: 120_000 }, async () => {
    const tunnel = await openTunnel(gateway, agent, target());
    await bench.stopControl();
    await worker.until((view) => view.channel.state !== "subscribed", "the gateway notices");
    expect(await echoThrough(tunnel, "old")).toBe("old");
    const fresh = await openTunnel(gateway, agent, target());
    expect(await echoThrough(fresh, "new")).toBe("new");
    const ready = await worker.ready();
    expect(ready.status).toBe(200);
    expect(ready.text).toMatch(/the console is not connected; serving revision \d+, built \d+ seconds ago/);
    const before = await bench.db.refusal.count({ where: { gatewayId: gateway.id } });
    await knock();
    await until(() => existsSync(path.join(worker.stateDir, "spool.json")), "the refusal is spooled to disk");
    await bench.restartControl();
    await worker.until((view) => view.channel.state === "subscribed", "the gateway comes back", 30_000);
    await until(async () => (await bench.db.refusal.count({ where: { gatewayId: gateway.id } })) === before + 1, "the refusal is delivered");
    await bench.revoke(agent);
    await until(() => tunnel.destroyed || tunnel.readableEnded, "a change reaches it again", 4_000);
    expect(await bench.db.refusal.count({ where: { gatewayId: gateway.id, code: "certificate-missing" } })).toBe(before + 1);
    const said = await bench.db.gatewayLog.findMany({ where: { gatewayId: gateway.id, message: { contains: "no longer connected" } }, select: { at: true, message: true } });
    expect(said.length).toBeGreaterThan(0);
    // A busy machine may lose the channel a second time, and then says so again; the same line never comes twice.
    expect(new Set(said.map((line) => `${line.at.toISOString()} ${line.message}`)).size).toBe(said.length);
    fresh.destroy();
  });

  it("starts from disk after a kill -9 and serves at once, revocations included [N12] [T38]", { timeout: 120_000 }, async () => {
    const revoked = await bench.agent(gateway);
    await bench.revoke(revoked);
    const { accessVersion } = await bench.db.organisation.findUniqueOrThrow({ where: { id: bench.organisationId } });
    await until(async () => (await row()).appliedAccessVersion >= accessVersion, "the revocation is confirmed");
    await bench.stopControl();
    await worker.kill();
    worker = bench.worker({ stateDir: worker.stateDir });
    await worker.serving();
    await until(() => worker.output.includes("serving the last good snapshot from disk"), "the log says so");
    const tunnel = await openTunnel(gateway, agent, target());
    expect(await echoThrough(tunnel, "from disk")).toBe("from disk");
    tunnel.destroy();
    await expect(openTunnel(gateway, revoked, target())).rejects.toThrow(/403/);
    expect((await worker.ready()).text).toMatch(/the console is not connected/);
    await bench.restartControl();
    await worker.until((view) => view.channel.state === "subscribed", "it connects when the console is back", 30_000);
  });

  it("names a damaged snapshot and a torn access journal, and serves from what is whole [T36] [T38]", { timeout: 120_000 }, async () => {
    await bench.bump(gateway.id);
    await until(async () => (await row()).appliedRevision === (await row()).revision, "a second revision is stored");
    await bench.stopControl();
    await worker.kill();
    const file = path.join(worker.stateDir, "snapshot.json");
    writeFileSync(file, readFileSync(file, "utf8").replace("echo.internal", "evil.internal"));
    appendFileSync(path.join(worker.stateDir, "access.journal"), "0123 {\"after\":0,\"page");
    worker = bench.worker({ stateDir: worker.stateDir });
    await worker.serving();
    expect(worker.output).toMatch(/snapshot\.json is damaged \(its checksum does not fit\)/);
    expect(worker.output).toMatch(/access\.journal ends in a torn line/);
    expect((await worker.view()).status.revision).toBe((await row()).appliedRevision - 1);
    const tunnel = await openTunnel(gateway, agent, target());
    expect(await echoThrough(tunnel, "previous copy")).toBe("previous copy");
    tunnel.destroy();
    await bench.restartControl();
    await until(async () => (await worker.view()).status.revision === (await row()).revision, "it catches up", 30_000);
  });
});

describe("a snapshot that cannot be served", () => {
  it("is refused whole with its problem, the last good one stays, and it is applied once the cause is gone, or the next good one is [T37]", { timeout: 120_000 }, async () => {
    const tunnel = await openTunnel(gateway, agent, target());
    const squatter = await countingServer((socket) => socket.end());
    const second = await bench.db.gatewayListener.create({ data: { gatewayId: gateway.id, ordinal: 1, address: "127.0.0.1", port: squatter.port } });
    await bench.bump(gateway.id);
    await until(async () => (await row()).refusedRevision === (await row()).revision, "the refusal is on the gateway's page");
    expect((await row()).problems).toEqual([expect.objectContaining({ code: "listener-bind", message: expect.stringContaining(String(squatter.port)) })]);
    expect((await row()).appliedRevision).toBe((await row()).revision - 1);
    expect(await echoThrough(tunnel, "untouched")).toBe("untouched");
    await squatter.close();
    await until(async () => (await row()).appliedRevision === (await row()).revision, "the port is free, the snapshot is applied", 20_000);
    expect((await row()).problems).toEqual([]);
    await bench.db.gatewayListener.update({ where: { id: second.id }, data: { limits: { handshakeTimeoutMs: 5_000 } } });
    await bench.bump(gateway.id);
    await until(async () => (await row()).appliedRevision === (await row()).revision, "the next snapshot is applied");
    expect((await row()).problems).toEqual([]);
    expect(await echoThrough(tunnel, "still")).toBe("still");
    tunnel.destroy();
  });
});

describe("a database that was restored to yesterday", () => {
  it("is named, nothing goes back, revoked agents stay revoked, and the next change reaches the gateway [T36] [N12]", { timeout: 120_000 }, async () => {
    const yesterday = await bench.db.organisation.findUniqueOrThrow({ where: { id: bench.organisationId } });
    const entryBefore = await bench.db.accessEntry.findUniqueOrThrow({ where: { id: agent.id } });
    const { revision } = await row();
    await bench.bump(gateway.id);
    await bench.revoke(agent);
    await until(async () => (await row()).appliedRevision === revision + 1 && (await row()).appliedAccessVersion > yesterday.accessVersion, "today's changes are live");
    await bench.stopControl();
    await bench.db.gateway.update({ where: { id: gateway.id }, data: { revision, appliedRevision: revision, appliedAccessVersion: yesterday.accessVersion } });
    await bench.db.agent.update({ where: { id: agent.id }, data: { revokedAt: null } });
    await bench.db.accessEntry.update({ where: { id: agent.id }, data: entryBefore });
    await bench.db.organisation.update({ where: { id: bench.organisationId }, data: { accessVersion: yesterday.accessVersion } });
    await bench.restartControl();
    await until(async () => JSON.stringify((await row()).problems).includes("database-older"), "the gateway's page names it", 30_000);
    expect((await worker.view()).status.revision).toBe(revision + 1);
    await expect(openTunnel(gateway, agent, target())).rejects.toThrow(/403/);
    await bench.bump(gateway.id);
    await until(async () => (await row()).appliedRevision === revision + 2, "the next change is applied");
    expect((await row()).problems).toEqual([]);
  });

  it("never makes a gateway take a revision below one it has served [T36]", async () => {
    const other = await bench.gateway();
    const identity = await enrol(path.join(bench.folder, `ahead-${other.id}`), readGatewayToken(await bench.token(other.id)));
    const taken: number[] = [];
    const host: ChannelHost = { revision: 0, revisionSeen: 1_000, accessVersion: 0, applySnapshot: async (snapshot) => { taken.push(snapshot.revision); return { ok: true }; }, applyAccess: async () => ({ tunnelsEnded: 0 }), renewCertificates: async () => {}, knock: () => {}, channelsElsewhere: () => {}, endSessions: () => {} };
    const channel = new ControlChannel({ link: () => ({ address: { ...identity.console, organisationId: identity.organisationId }, caPem: identity.caPem, client: identity }), host, version: "0", runtime: "test", startedAt: new Date(), onState: () => {}, onWelcome: () => {} });
    channel.start();
    await until(async () => JSON.stringify((await bench.db.gateway.findUniqueOrThrow({ where: { id: other.id } })).problems).includes("revision-older"), "the refusal is named in the console");
    expect(taken).toEqual([]);
    await channel.stop();
  });
});

describe("tunnels that end without a word of their own", () => {
  it("are shown as ended when their engine dies, and when the whole gateway is killed and comes back [T38]", { timeout: 120_000 }, async () => {
    const shown = async (reason: string): Promise<number> => await bench.db.tunnel.count({ where: { gatewayId: gateway.id, agentId: agent.id, endedAt: { not: null }, endReason: reason } });
    const openRows = async (): Promise<number> => await bench.db.tunnel.count({ where: { gatewayId: gateway.id, endedAt: null } });
    const first = await openTunnel(gateway, agent, target());
    await until(async () => (await openRows()) === 1, "the tunnel is on the agent's page");
    process.kill((await worker.view()).status.engines[0]?.pid ?? 0, "SIGKILL");
    await until(async () => (await shown("engine died")) === 1, "its end is shown");
    await worker.serving();
    const second = await openTunnel(gateway, agent, target());
    await until(async () => (await openRows()) === 1, "the next tunnel is on the agent's page");
    await new Promise((resolve) => setTimeout(resolve, 2_100)); // starts and tunnels closer together than this are not told apart
    await worker.kill();
    worker = bench.worker({ stateDir: worker.stateDir });
    await until(async () => (await shown("gateway restarted")) === 1, "its end is shown after the restart", 20_000);
    for (const socket of [first, second]) socket.destroy();
  });
});

describe("stopping a gateway", () => {
  it("drains on SIGTERM: no new tunnels, the open ones finish within the deadline, exit code 0", { timeout: 90_000 }, async () => {
    const tunnel = await openTunnel(gateway, agent, target());
    worker.signal("SIGTERM");
    await until(async () => (await worker.ready()).status === 503, "it says that it drains");
    expect(await echoThrough(tunnel, "finishing")).toBe("finishing");
    await expect(openTunnel(gateway, agent, target())).rejects.toThrow();
    tunnel.end();
    expect(await worker.exited).toBe(0);
    expect(await bench.db.tunnel.count({ where: { gatewayId: gateway.id, agentId: agent.id, endedAt: { not: null } } })).toBe(1);
  });

  it("reads local files again on SIGHUP without losing a tunnel", { timeout: 90_000 }, async () => {
    const tunnel = await openTunnel(gateway, agent, target());
    const heard = (await worker.view()).channel.heardAt;
    worker.signal("SIGHUP");
    await worker.until((view) => view.channel.state === "subscribed" && view.channel.heardAt !== heard && worker.output.includes("reading local files again"), "it reconnects");
    expect(await echoThrough(tunnel, "kept")).toBe("kept");
    tunnel.destroy();
  });
});
