import "../support/with-database.ts";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { peerAlpn } from "../../contract/channel.ts";
import { formatIdentity } from "../../contract/names.ts";
import { readStreamHead, writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import type { BenchAgent } from "../support/control-bench.ts";
import type { EchoAgent } from "../support/echo-agent.ts";
import { echoed, ended } from "../support/inside-client.ts";
import { until } from "../support/sockets.ts";
import { ReachBench, type ReachGateway } from "./reach-bench.ts";

let bench: ReachBench;
let a: ReachGateway;
let b: ReachGateway;
let agent: BenchAgent;
let echo: EchoAgent;

beforeAll(async () => {
  bench = await ReachBench.start();
  [a, b] = await bench.gateways(2) as [ReachGateway, ReachGateway];
  agent = await bench.agent([a, b]);
  echo = await bench.channel(a, agent);
}, 90_000);

afterAll(async () => {
  await bench?.close();
});

/** Sends a peer's request to gateway A with this certificate; resolves with the answer, or with "closed". */
async function asPeer(credentials: { certPem: string; keyPem: string } | undefined, agentId: string, grant: string, sessionId: string): Promise<unknown> {
  const socket = tls.connect({ host: "127.0.0.1", port: a.insidePort, servername: "localhost", ca: bench.caPem, ALPNProtocols: [peerAlpn], ...(credentials ? { cert: credentials.certPem, key: credentials.keyPem } : {}) });
  socket.on("error", () => {});
  socket.write(writeStreamHead({ kind: "forward", agentId, head: { kind: "reach", sessionId, grant } }));
  return await readStreamHead(socket, { timeoutMs: 5_000 }).catch(() => "closed").finally(() => socket.destroy());
}

describe("an agent whose channel is at another gateway", () => {
  it("is found there and reached, with one record that names both gateways, and ended from the console there too", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    expect(opened.gateways.find((gateway) => gateway.gatewayId === a.id)?.holdsChannel).toBe(true);
    const { socket, status, body } = await bench.ask(b, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(status, body).toBe(200);
    expect(await echoed(socket, "across")).toBe("across");
    const { endReachSession } = await import("../../server/services/reach-session/end.ts");
    await bench.session(opened.sessionId, (row) => row.state === "open", "it is shown as open");
    await endReachSession(bench.person("administrator"), { id: opened.sessionId });
    await ended(socket, 2_000);
    expect(await bench.session(opened.sessionId, (row) => row.state === "ended" && row.bytesUp === 6n, "it has ended")).toMatchObject({ gatewayId: b.id, channelGatewayId: a.id });
  });

  it("is reached while the console is away, because the peers themselves are asked [H13]", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    await bench.control.stopControl();
    await b.worker.until((view) => view.channel.state !== "subscribed", "the gateway noticed");
    const { socket, status, body } = await bench.ask(b, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(status, body).toBe(200);
    expect(await echoed(socket, "alone")).toBe("alone");
    socket.destroy();
    await bench.control.restartControl();
    await Promise.all([a, b].map(async ({ worker }) => await worker.until((view) => view.channel.state === "subscribed", "the console is back")));
  });

  it("is opened for no peer but a gateway of the organisation, and for a grant only once [T21] [T33]", async () => {
    const { issueWithKey } = await import("../../server/services/certificate/issue.ts");
    const { db, organisationId, caller } = bench.control;
    const { trustDomain } = await db.organisation.findUniqueOrThrow({ where: { id: organisationId } });
    const issue = async (id: string): Promise<{ certPem: string; keyPem: string }> => {
      const { chainPem, keyPem } = await db.$transaction(async (tx) => await issueWithKey(tx, caller, { purpose: "gateway-control", identity: formatIdentity({ trustDomain, organisationId, kind: "gateway", id }), ...(id === b.id ? { gatewayId: id } : {}) }));
      return { certPem: chainPem, keyPem };
    };
    const opened = await bench.open(bench.person("operator"), agent.id);
    const before = echo.heads.length;
    expect(await asPeer(undefined, agent.id, opened.grant, opened.sessionId)).toMatchObject({ kind: "refused", code: "certificate-missing" });
    expect(await asPeer(agent, agent.id, opened.grant, opened.sessionId)).toMatchObject({ kind: "refused", code: "certificate-identity" });
    expect(await asPeer(await issue("00000000-0000-4000-8000-0000000000ff"), agent.id, opened.grant, opened.sessionId)).toMatchObject({ kind: "refused", code: "certificate-identity" });
    const peer = await issue(b.id);
    expect(await asPeer(peer, agent.id, `${opened.grant.slice(0, -2)}AA`, opened.sessionId)).toMatchObject({ kind: "refused", code: "reach-grant" });
    expect(await asPeer(peer, agent.id, opened.grant, "00000000-0000-4000-8000-0000000000ff")).toMatchObject({ kind: "refused", code: "reach-grant" });
    expect(await asPeer(peer, b.id, opened.grant, opened.sessionId)).toMatchObject({ kind: "refused", code: "reach-agent-away" });
    expect(echo.heads.length).toBe(before);
    const second = await bench.open(bench.person("operator"), agent.id);
    expect(await asPeer(peer, agent.id, second.grant, second.sessionId)).toEqual({ kind: "accepted" });
    expect(await asPeer(peer, agent.id, second.grant, second.sessionId)).toMatchObject({ kind: "refused", code: "reach-grant", detail: expect.stringContaining("used already") as string });
  });

  it("is served once, and the newest, when a second machine with its identity comes to the other gateway: the older is ended and both are named [T22]", async () => {
    const clone = await bench.channel(b, agent);
    await until(() => echo.endReason !== undefined, "the older one is ended", 5_000);
    expect(clone.endReason).toBeUndefined();
    await until(async () => (await bench.control.db.refusal.count({ where: { gatewayId: a.id, agentId: agent.id, code: "channel-superseded" } })) === 1, "it is in the list of refusals");
    // The same run of one machine may hold two for a moment: it is moving.
    echo = await bench.channel(a, agent, { instance: clone.instance });
    expect(await bench.control.db.agentChannel.count({ where: { agentId: agent.id, endedAt: null } })).toBe(2);
    clone.cut();
    await until(async () => (await bench.control.db.agentChannel.count({ where: { agentId: agent.id, endedAt: null } })) === 1, "one is left");
    expect(echo.endReason).toBeUndefined();
  });

  it("loses its session with the gateway that held the channel, and is reached again within five seconds of its return to the other one", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    const { socket } = await bench.ask(b, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(await echoed(socket, "before")).toBe("before");
    a.worker.signal("SIGKILL");
    await ended(socket, 5_000);
    expect((await bench.session(opened.sessionId, (row) => row.state === "ended", "it has ended")).endReason).toMatch(/the way through gateway reach 0 was lost/);
    await until(() => echo.endReason !== undefined, "the agent noticed");
    const startedAt = performance.now();
    echo = await bench.channel(b, agent);
    const again = await bench.open(bench.person("operator"), agent.id);
    const answer = await bench.ask(b, { target: again.target, authorization: `Bearer ${again.grant}` });
    expect(answer.status, answer.body).toBe(200);
    expect(await echoed(answer.socket, "after")).toBe("after");
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    answer.socket.destroy();
  });

  it("is said to be away when it is nowhere", async () => {
    const { key } = await bench.apiKey();
    echo.cut();
    await until(async () => (await bench.control.db.agentChannel.count({ where: { agentId: agent.id, gatewayId: b.id, endedAt: null } })) === 0, "the console knows");
    const answer = await bench.ask(b, { target: `${agent.id}.agents:22`, authorization: `Bearer ${key}` });
    expect([answer.status, answer.body.split(":")[0]]).toEqual([503, "reach-agent-away"]);
    const row = await bench.control.db.reachSession.findFirstOrThrow({ where: { agentId: agent.id, actorKind: "api-key" }, select: { id: true } });
    expect((await bench.session(row.id, (session) => session.state === "ended", "the grant is on record as led nowhere")).endReason).toMatch(/^reach-agent-away/);
  });

  it("has its sessions ended on record when the gateway that was asked is killed, and when it is stopped", async () => {
    echo = await bench.channel(b, agent);
    const opened = await bench.open(bench.person("operator"), agent.id);
    const { socket } = await bench.ask(b, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(await echoed(socket, "once")).toBe("once");
    await bench.session(opened.sessionId, (row) => row.state === "open", "it is shown as open");
    // As one of a run that began earlier than clocks are compared.
    await bench.control.db.reachSession.update({ where: { id: opened.sessionId }, data: { openedAt: new Date(Date.now() - 60_000) } });
    await b.worker.kill();
    b.worker = bench.control.worker({ stateDir: b.worker.stateDir });
    await b.worker.serving();
    expect((await bench.session(opened.sessionId, (row) => row.state === "ended", "it has ended")).endReason).toBe("its gateway was restarted");
    echo = await bench.channel(b, agent);
    const second = await bench.open(bench.person("operator"), agent.id);
    const running = await bench.ask(b, { target: second.target, authorization: `Bearer ${second.grant}` });
    expect(await echoed(running.socket, "twice")).toBe("twice");
    b.worker.signal("SIGTERM");
    expect((await bench.session(second.sessionId, (row) => row.state === "ended" && row.bytesUp === 5n, "it has ended", 8_000)).endReason).toMatch(/drained|channel was lost/);
  });
});
