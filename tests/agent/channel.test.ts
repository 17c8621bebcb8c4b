/** The agent channel against a gateway that the test can drain, kill, slow down and replace. */
import { randomUUID } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { endWith } from "../../agent/channel/channel.ts";
import { ChannelKeeper } from "../../agent/channel/keeper.ts";
import { ChannelListener } from "../../agent/channel/listener.ts";
import { acceptChannel } from "../../agent/channel/open.ts";
import { asAgentError } from "../../agent/errors.ts";
import { AgentLog } from "../../agent/log.ts";
import { openRoute, type Trust } from "../../agent/path/route.ts";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import type { GatewayStreamHead } from "../../contract/channel.ts";
import { TestCa } from "../support/pki.ts";
import { echoServer, freePort, until } from "../support/sockets.ts";
import { ChannelGateway, channelPolicy } from "./support/channel-gateway.ts";
import { connectProxy } from "./support/lan.ts";

const organisationId = randomUUID();
const ca = await TestCa.root({ commonName: "Acme" });
const identity = await ca.issue({ uris: [`spiffe://acme.example/org/${organisationId}/agent/${randomUUID()}`] });
const running: { close(): void }[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.close();
});

type Bench = { keeper: ChannelKeeper; policy: AgentPolicy; lines: () => string[]; heads: GatewayStreamHead[]; trust: Trust };

function keep(policy: AgentPolicy, options: { isListening?: boolean; serve?: (stream: Duplex, head: GatewayStreamHead) => void } = {}): Bench {
  const log = new AgentLog(null);
  const lines: string[] = [];
  const bench: Bench = {
    policy,
    heads: [],
    trust: { credentials: { chainPem: identity.chainPem, keyPem: identity.keyPem }, ca: [ca.certPem], relay: null },
    lines: () => {
      lines.push(...log.take(1_000));
      return lines;
    },
    keeper: new ChannelKeeper({
      policy: () => bench.policy, trust: () => bench.trust, log, instance: randomUUID(), isListening: options.isListening ?? false, onChange: () => undefined,
      onStream: (stream, head) => {
        bench.heads.push(head);
        if (options.serve) options.serve(stream, head);
        else endWith(stream, { kind: "accepted" });
      },
    }),
  };
  bench.keeper.start();
  running.push(bench.keeper);
  return bench;
}

async function gateways(count: number): Promise<ChannelGateway[]> {
  const made = await Promise.all(Array.from({ length: count }, (_, index) => ChannelGateway.start(`gw-${index + 1}`)));
  running.push(...made.map((gateway) => ({ close: () => void gateway.kill() })));
  return made;
}

describe("an agent that listens", () => {
  it("speaks to a gateway that dials it as if it had dialled, over TLS that proves nothing [X4-01] [S4-39] [S4-42]", async () => {
    const [gateway, stranger] = await gateways(2) as [ChannelGateway, ChannelGateway];
    const bench = keep(channelPolicy(organisationId, [gateway]), { isListening: true });
    const listener = new ChannelListener({ address: "127.0.0.1", port: 0, log: new AgentLog(null) });
    running.push(listener);
    listener.onConnection = (socket) => void acceptChannel(socket, [gateway.inPolicy], bench.keeper.opening(AbortSignal.timeout(30_000))).then((channel) => bench.keeper.adopt(channel), (error: unknown) => bench.keeper.failed(asAgentError(error, "channel-failed")));
    await listener.start();
    await dialAgent(stranger, listener.port);
    await until(() => bench.keeper.problem?.code === "pin-mismatch", "a gateway that the policy does not know is refused");
    expect(stranger.channels).toHaveLength(0);
    await dialAgent(gateway, listener.port);
    await until(() => bench.keeper.facts !== null, "the channel is open");
    expect(bench.keeper.facts).toMatchObject({ gatewayId: gateway.id, isListening: true });
    expect(gateway.live[0]?.isListening).toBe(true);
    const woken = await gateway.ask({ kind: "wake" });
    expect(woken.answer).toEqual({ kind: "accepted" });
    woken.stream.destroy();
    // And the other way: a server of the gateway, over the same channel.
    const echo = await echoServer();
    gateway.connects = () => net.connect({ host: "127.0.0.1", port: echo.port });
    const { socket } = await openRoute(bench.keeper.route ?? { kind: "lan" }, { host: "site.acme.example", port: 4726 }, { trust: bench.trust, signal: AbortSignal.timeout(5_000) });
    socket.write("ping");
    expect(await new Promise<string>((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString())).resume())).toBe("ping");
    socket.destroy();
    // Dialled again by the same gateway: the newer one is used, the older one leaves.
    await dialAgent(gateway, listener.port);
    await until(() => gateway.channels.length === 2 && gateway.live.length === 1, "one channel");
    await echo.close();
  });

  it("lets nobody fill its connections [H10]", async () => {
    const listener = new ChannelListener({ address: "127.0.0.1", port: 0, log: new AgentLog(null) });
    running.push(listener);
    await listener.start();
    const sockets = Array.from({ length: 12 }, () => net.connect({ host: "127.0.0.1", port: listener.port }));
    const closed = sockets.map((socket) => new Promise<void>((resolve) => socket.on("error", () => socket.destroy()).on("close", () => resolve()).resume()));
    await Promise.race([Promise.all(closed.slice(8)), Promise.any(closed)]);
    for (const socket of sockets) socket.destroy();
  });
});

/** As a relay does it for a gateway: TCP, TLS that is not validated, and the gateway's own tunnel listener inside. */
async function dialAgent(gateway: ChannelGateway, port: number): Promise<void> {
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => socket.destroy());
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  gateway.server.emit("connection", socket);
}

describe("an agent's channel", () => {
  it("opens to the first gateway of the policy, says who it is, and is woken over it [S4-11] [S4-14]", async () => {
    const [first, second] = await gateways(2) as [ChannelGateway, ChannelGateway];
    const bench = keep(channelPolicy(organisationId, [first, second]));
    await until(() => bench.keeper.facts !== null, "the channel is open");
    expect(bench.keeper.facts).toMatchObject({ gatewayId: first.id, gatewayName: "gw-1", channelId: first.live[0]?.channelId, via: null });
    expect(second.channels).toHaveLength(0);
    const { answer } = await first.ask({ kind: "wake" });
    expect(answer).toEqual({ kind: "accepted" });
    expect(bench.heads).toEqual([{ kind: "wake" }]);
    expect(bench.keeper.problem).toBeNull();
  });

  it("opens the next channel before it leaves one that goes away, and streams on the old one finish [DESIGN-5]", async () => {
    const [first, second] = await gateways(2) as [ChannelGateway, ChannelGateway];
    const bench = keep(channelPolicy(organisationId, [first, second]), { serve: (stream) => { stream.write(Buffer.from([0, 19])); stream.write('{"kind":"accepted"}'); stream.pipe(stream); } });
    await until(() => bench.keeper.facts !== null, "the channel is open");
    const [old] = first.live;
    const { stream } = await first.ask({ kind: "wake" });
    const gaps: number[] = [];
    const watch = setInterval(() => bench.keeper.facts === null && gaps.push(Date.now()), 1);
    old?.session.goAway();
    await until(() => bench.keeper.facts?.channelId !== old?.channelId, "another channel is in use");
    clearInterval(watch);
    expect(gaps).toEqual([]);
    expect(bench.keeper.facts?.gatewayId).toBe(first.id);
    stream.write("still here");
    stream.resume();
    expect(await new Promise<string>((resolve) => stream.once("data", (chunk: Buffer) => resolve(chunk.toString())))).toBe("still here");
    expect(old?.isOver).toBe(false);
    stream.end();
    await until(() => old?.isOver === true, "the old channel ends with its last stream");
    expect(second.channels).toHaveLength(0);
  });

  it("moves to the next gateway within a second when its own is killed [S4-14]", async () => {
    const [first, second] = await gateways(2) as [ChannelGateway, ChannelGateway];
    const bench = keep(channelPolicy(organisationId, [first, second]));
    await until(() => bench.keeper.facts !== null, "the channel is open");
    await first.kill();
    await until(() => bench.keeper.facts?.gatewayId === second.id, "on the second gateway", 1_500);
    expect(bench.lines().join("\n")).toMatch(/warn the agent channel ended .*gateway=gw-1/);
  });

  it("sends nothing to a gateway whose certificate is not pinned, says so, and takes the next [S1-53]", async () => {
    const [first, second] = await gateways(2) as [ChannelGateway, ChannelGateway];
    const policy = channelPolicy(organisationId, [first]);
    const bench = keep({ ...policy, gateways: policy.gateways.map((gateway) => ({ ...gateway, pins: ["ab".repeat(32)] })) });
    await until(() => bench.keeper.problem !== null, "the problem is named");
    expect(bench.keeper.problem).toMatchObject({ code: "pin-mismatch" });
    bench.policy = channelPolicy(organisationId, [second]);
    bench.keeper.policyChanged();
    await until(() => bench.keeper.facts?.gatewayId === second.id, "the new policy's gateway");
    expect(bench.keeper.problem).toBeNull();
    expect(first.channels).toHaveLength(0);
  });

  it("follows its policy: to another gateway, and to none at all [S1-50]", async () => {
    const [first, second] = await gateways(2) as [ChannelGateway, ChannelGateway];
    const bench = keep(channelPolicy(organisationId, [first]));
    await until(() => bench.keeper.facts !== null, "the channel is open");
    bench.policy = channelPolicy(organisationId, [second]);
    bench.keeper.policyChanged();
    await until(() => bench.keeper.facts?.gatewayId === second.id && first.live.length === 0, "moved");
    bench.policy = { ...bench.policy, hasChannel: false };
    bench.keeper.policyChanged();
    await until(() => second.live.length === 0, "left");
    expect(bench.keeper.facts).toBeNull();
    expect(bench.keeper.problem).toBeNull();
  });

  it("takes its policy's proxy to the gateway [S0-30] [S0-32]", async () => {
    const [gateway] = await gateways(1) as [ChannelGateway];
    const proxy = await connectProxy("127.0.0.1");
    running.push({ close: () => void proxy.close() });
    const bench = keep(channelPolicy(organisationId, [gateway], { channelProxy: { host: "127.0.0.1", port: proxy.port } }));
    await until(() => bench.keeper.facts !== null, "the channel is open");
    expect(bench.keeper.facts?.via).toBe(`proxy 127.0.0.1:${proxy.port}`);
    expect(proxy.connects).toEqual([`localhost:${gateway.port}`]);
    // Never a way for ordinary requests.
    expect(bench.keeper.route).toBeUndefined();
  });

  it("asks ever more slowly while it is refused, and tells the reason once [T22] [T39]", async () => {
    const [gateway] = await gateways(1) as [ChannelGateway];
    gateway.refusal = { kind: "refused", code: "agent-not-approved", detail: "" };
    const bench = keep(channelPolicy(organisationId, [gateway]));
    await until(() => bench.keeper.problem !== null, "refused");
    expect(bench.keeper.problem?.code).toBe("agent-awaits-approval");
    gateway.refusal = undefined;
    await until(() => bench.keeper.facts !== null, "approved", 4_000);
    expect(bench.lines().filter((line) => line.includes("could not be opened"))).toHaveLength(1);
  });

  it("is left, and not fought for, by a machine that the management server refuses, until it is taken again [T22]", async () => {
    const [gateway] = await gateways(1) as [ChannelGateway];
    const bench = keep(channelPolicy(organisationId, [gateway]));
    await until(() => bench.keeper.facts !== null, "the channel is open");
    bench.keeper.rest(60_000);
    await until(() => gateway.live.length === 0, "left");
    expect(bench.keeper.problem?.code).toBe("channel-failed");
    bench.keeper.policyChanged();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(gateway.channels).toHaveLength(1);
    bench.keeper.accepted();
    await until(() => bench.keeper.facts !== null, "open again");
  });

  it("goes to the relay instead of every address, with names and pins unchanged; without validation it takes any certificate and only then [S4-21] [S4-26] [S4-37] [S4-38]", async () => {
    const [gateway] = await gateways(1) as [ChannelGateway];
    const policy = channelPolicy(organisationId, [gateway]);
    const elsewhere = { ...policy, gateways: policy.gateways.map((one) => ({ ...one, fqdn: "gateway.acme.example", port: 443 })) };
    const bench = keep({ ...elsewhere, hasChannel: false });
    bench.trust = { ...bench.trust, relay: { host: "127.0.0.1", port: gateway.port, isValidated: true } };
    bench.policy = elsewhere;
    bench.keeper.policyChanged();
    await until(() => bench.keeper.facts !== null, "open through the relay");
    bench.policy = { ...elsewhere, gateways: elsewhere.gateways.map((one) => ({ ...one, pins: ["ab".repeat(32)] })) };
    bench.keeper.policyChanged();
    await until(() => bench.lines().some((line) => line.includes("code=pin-mismatch")), "the pin is compared");
    bench.trust = { ...bench.trust, relay: { host: "127.0.0.1", port: gateway.port, isValidated: false } };
    bench.keeper.identityChanged();
    await until(() => gateway.channels.length === 2, "no pin is compared");
  });

  it("names the relay when it cannot be reached [S4-05]", async () => {
    const [gateway] = await gateways(1) as [ChannelGateway];
    const bench = keep({ ...channelPolicy(organisationId, [gateway]), hasChannel: false });
    bench.trust = { ...bench.trust, relay: { host: "127.0.0.1", port: await freePort(), isValidated: true } };
    bench.policy = { ...bench.policy, hasChannel: true };
    bench.keeper.policyChanged();
    await until(() => bench.keeper.problem !== null, "the problem is named");
    expect(bench.keeper.problem?.code).toBe("relay-unreachable");
  });
});
