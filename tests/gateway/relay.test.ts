/** Relays of a stream engine: what they carry, and that nothing they say gives an identity, a right or a place that is not theirs. */
import { randomBytes, randomUUID } from "node:crypto";
import type net from "node:net";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelAlpn } from "../../contract/channel.ts";
import { upstreamAlpn } from "../../contract/relay.ts";
import { ChannelClient, echoed, reach } from "../support/channel-client.ts";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { addRelay, relayCertificate, RelayClient } from "../support/relay-client.ts";
import type { RelayAnswer, RelayFixture } from "../support/relay-client.ts";
import { countingServer, echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

const code = (answer: RelayAnswer | ChannelClient["answer"]): string | undefined => (answer?.kind === "refused" ? answer.code : answer?.kind);
const limits = { handshakeTimeoutMs: 1_500, requestTimeoutMs: 1_500, handshakesMax: 200, handshakesPerSourceMax: 60 };

describe.each(runtimes)("relays of an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let server: CountingServer;
  let site: CountingServer;
  let agent: TestAgent;
  let target: string;
  let fixture: RelayFixture;
  let relay: RelayClient;

  beforeAll(async () => {
    server = await echoServer();
    site = await countingServer((socket) => void socket.once("data", (chunk: Buffer) => void socket.end(chunk)));
    const agentSite = serverAt(site.port, { id: randomUUID(), name: "agent site", isAgentSite: true, names: ["site.internal", "192.0.2.77"] });
    bench = await GatewayBench.start({ runtime, limits, gatewayIdentity: ({ listenerCertificate: { chainPem, keyPem } }) => ({ chainPem, keyPem, caPem: "" }) }, [serverAt(server.port), agentSite]);
    agent = await bench.agent();
    target = `app.internal:${server.port}`;
    fixture = await addRelay(bench);
    await bench.applied();
    relay = await RelayClient.open(bench, fixture);
    expect(relay.answer).toEqual({ kind: "accepted" });
  });
  afterAll(async () => {
    await bench.close();
    await Promise.all([server.close(), site.close()]);
  });

  /** An agent's tunnel through a stream of a relay. */
  async function through(stream: Duplex, identity: TestAgent = agent): ReturnType<GatewayBench["connect"]> {
    return await bench.connect(identity, target, { socket: stream, host: undefined, port: undefined });
  }

  it("carries tunnels and channels with the same handshake and verdict, and adds the path [S4-21] [S4-22] [S4-26]", async () => {
    const { answer, stream } = await relay.carry("10.0.0.2:41001");
    expect(answer).toEqual({ kind: "accepted" });
    const tunnel = await through(stream);
    expect(tunnel.status).toBe(200);
    const bytes = randomBytes(500_000);
    expect((await echoed(tunnel.socket, bytes)).equals(bytes)).toBe(true);
    const hop = { relayId: fixture.relay.relayId, name: "relay-1" };
    await until(() => bench.tunnels.some((report) => report.source === "10.0.0.2:41001" && report.bytesUp >= 500_000), "the tunnel to be reported");
    expect(bench.tunnels.find((report) => report.source === "10.0.0.2:41001")).toMatchObject({ agentId: agent.id, relayPath: [hop] });
    const channel = await ChannelClient.open(bench, agent, { over: (await relay.carry("10.0.0.2:41002")).stream });
    expect(code(channel.answer)).toBe("welcome");
    await until(() => bench.channels.some((report) => report.instance === channel.instance && report.source === "10.0.0.2:41002"), "the channel to be reported");
    expect(bench.channels.find((report) => report.instance === channel.instance)?.relayPath).toEqual([hop]);
    expect((await channel.connect(target)).answer?.kind).toBe("accepted");
    const session = await reach(bench, agent.id);
    expect((await echoed(session.socket, bytes)).equals(bytes)).toBe(true);
    const stranger = await bench.agent({}, { status: "revoked" });
    expect((await through((await relay.carry("10.0.0.2:41003")).stream, stranger)).text).toContain("agent-revoked");
    tunnel.socket.destroy();
    channel.close();
  });

  it("tells agents with equal addresses apart by their keys alone [S4-16] [N9]", async () => {
    const twin = await bench.agent();
    const [first, second] = [await relay.carry("10.0.0.2:5000"), await relay.carry("10.0.0.2:5000")];
    const channels = await Promise.all([ChannelClient.open(bench, agent, { over: first.stream }), ChannelClient.open(bench, twin, { over: second.stream })]);
    await until(() => channels.every((channel) => bench.channels.some((report) => report.instance === channel.instance)), "both to be reported");
    expect(channels.map((channel) => bench.channels.find((report) => report.instance === channel.instance)?.agentId)).toEqual([agent.id, twin.id]);
    for (const channel of channels) channel.close();
  });

  it("passes an agent's connection to the agent site on as it is, and nothing else without a certificate [S4-21]", async () => {
    const { stream } = await relay.carry();
    const raw = new Promise<Buffer>((resolve) => stream.once("data", resolve));
    const socket = tls.connect({ socket: stream, servername: "site.internal", rejectUnauthorized: false } as tls.ConnectionOptions);
    socket.on("error", () => {});
    // The site's stand-in sends the ClientHello back: byte for byte what the agent sent.
    const hello = await raw;
    expect([hello[0], hello.includes("site.internal")]).toEqual([0x16, true]);
    // So does one that knows the site by an address only, and sends no name.
    const nameless = await relay.carry();
    const came = new Promise<Buffer>((resolve) => nameless.stream.once("data", resolve));
    tls.connect({ socket: nameless.stream, rejectUnauthorized: false } as tls.ConnectionOptions).on("error", () => {});
    expect((await came)[0]).toBe(0x16);
    const other = await relay.carry();
    const answer = await bench.request(undefined, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, { socket: other.stream, servername: "app.internal", host: undefined, port: undefined });
    expect(answer.text).toContain("certificate-missing");
    // A channel that names the agent site by mistake is a channel all the same.
    const channel = await ChannelClient.open(bench, agent, { over: (await relay.carry()).stream, tls: { servername: "site.internal" } });
    expect(code(channel.answer)).toBe("welcome");
    channel.close();
  });

  it("carries nothing for a relay that is unknown, unconfirmed or of another organisation, and says which [X4-04]", async () => {
    const waiting = await addRelay(bench, { name: "relay-2", isConfirmed: false });
    await bench.applied();
    const from = bench.refusals.length;
    const unknown = await RelayClient.open(bench, { relayKey: randomBytes(24).toString("base64url"), certificate: fixture.certificate });
    const unconfirmed = await RelayClient.open(bench, waiting);
    const foreign = await RelayClient.open(bench, fixture, { hello: { organisationId: randomUUID() } });
    expect([code(unknown.answer), code(unconfirmed.answer), code(foreign.answer)]).toEqual(["relay-unknown", "relay-not-confirmed", "relay-unknown"]);
    await until(() => [unknown, unconfirmed, foreign].every((client) => client.endReason !== undefined), "the sessions to end", 4_000);
    await bench.refusal("relay-unknown", from);
    expect((await bench.refusal("relay-not-confirmed", from)).certificate?.fingerprint).toBe(waiting.certificate.fingerprint);
    await until(() => bench.relays.some((report) => report.relayId === waiting.relay.relayId && report.state === "waiting"), "the relay to be reported as waiting");
    expect(bench.relays.find((report) => report.state === "waiting")).toMatchObject({ fingerprint: waiting.certificate.fingerprint, hostname: "relay.example" });
    // A person confirms it: the next attempt is served.
    waiting.relay.fingerprints = [waiting.certificate.fingerprint];
    await bench.applied();
    const confirmed = await RelayClient.open(bench, waiting);
    expect(code(confirmed.answer)).toBe("accepted");
    confirmed.close();
  });

  it("does not let a relay pass for another one, nor an agent for a relay [T21]", async () => {
    const other = await addRelay(bench, { name: "relay-3" });
    await bench.applied();
    expect(code((await RelayClient.open(bench, { relayKey: other.relayKey, certificate: fixture.certificate })).answer)).toBe("relay-not-confirmed");
    expect(code((await RelayClient.open(bench, { relayKey: fixture.relayKey, certificate: await relayCertificate("relay-1") })).answer)).toBe("relay-not-confirmed");
    const asAgent = await RelayClient.open(bench, { relayKey: randomBytes(24).toString("base64url"), certificate: agent });
    expect(code(asAgent.answer)).toBe("relay-unknown");
    // A relay's certificate opens no channel and no tunnel.
    expect(code((await ChannelClient.open(bench, fixture.certificate)).answer)).toMatch(/^certificate-/);
    expect((await bench.connect(fixture.certificate, target)).status).toBe(403);
  });

  it("believes nothing of what a relay says of an agent [T21]", async () => {
    for (const head of [{ kind: "agent", source: "10.0.0.2:1", connectionId: "x", agentId: agent.id }, { kind: "connect", target }, { kind: "forward", agentId: agent.id }]) {
      const { answer, stream } = await relay.ask(head);
      expect(answer).toBeUndefined();
      stream.destroy();
    }
    const accepted = server.accepted;
    const { stream } = await relay.carry(`${agent.id} 127.0.0.1:1\u0007`);
    const answer = await bench.request(undefined, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nX-Sallyport-Agent: ${agent.id}\r\n\r\n`, { socket: stream, host: undefined, port: undefined });
    expect(answer.text).toContain("certificate-missing");
    expect(server.accepted).toBe(accepted);
    const refusal = await bench.refusal("certificate-missing");
    expect(refusal.agentId).toBeNull();
    expect(bench.refusals.every(({ source }) => /^[\x20-\x7e]*$/.test(source))).toBe(true);
  });

  it("bounds unfinished handshakes per relay, per source behind it and in all, and harms no others [T05] [T06]", async () => {
    const flood = await addRelay(bench, { name: "relay-flood" });
    await bench.applied();
    const flooding = await RelayClient.open(bench, flood);
    const from = bench.refusals.length;
    // One address behind the relay, then a hundred and more that the relay makes up.
    const one = await Promise.all(Array.from({ length: 80 }, async () => await flooding.carry("10.9.9.9:1")));
    expect(one.filter(({ answer }) => answer?.kind === "accepted")).toHaveLength(60);
    expect(one.filter(({ answer }) => code(answer) === "source-limit")).toHaveLength(20);
    const many = await Promise.all(Array.from({ length: 100 }, async (_, index) => await flooding.carry(`10.8.${index}.1:1`)));
    expect(many.filter(({ answer }) => answer?.kind === "accepted")).toHaveLength(40);
    expect(many.filter(({ answer }) => code(answer) === "gateway-full")).toHaveLength(60);
    // Everybody else goes on as if nothing were: at the port, and through the other relay.
    expect((await bench.connect(agent, target)).status).toBe(200);
    expect((await through((await relay.carry("10.9.9.9:1")).stream)).status).toBe(200);
    // Bytes that drip in do not buy time.
    const slow = one.find(({ answer }) => answer?.kind === "accepted");
    const drip = setInterval(() => slow?.stream.destroyed === false && slow.stream.write(Buffer.from([0x16])), 200);
    await until(() => [...one, ...many].every(({ stream }) => stream.destroyed || stream.readableEnded), "the silent ones to be closed", 6_000);
    clearInterval(drip);
    await bench.refusal("tls-handshake-timeout", from);
    expect(code((await flooding.carry("10.9.9.9:1")).answer)).toBe("accepted");
    flooding.close();
  });

  it("counts a relay that says no hello as an unfinished handshake, and ends it [T05] [T06]", async () => {
    const from = bench.refusals.length;
    const silent = await RelayClient.silent(bench, fixture.certificate);
    const eager = await RelayClient.silent(bench, fixture.certificate);
    const [a, b] = [eager.session.open(), eager.session.open()];
    a.write(Buffer.from([0]));
    b.write(Buffer.from([0]));
    await until(() => silent.endReason !== undefined && eager.endReason !== undefined, "both to end", 4_000);
    expect(await bench.refusal("channel-protocol", from)).toMatchObject({ agentId: null });
  });

  it("carries relays behind relays with their whole path, and no more than four deep", async () => {
    const fixtures: RelayFixture[] = [];
    for (let depth = 0; depth < 4; depth += 1) fixtures.push(await addRelay(bench, { name: `chain-${depth}` }));
    await bench.applied();
    const chain: RelayClient[] = [relay];
    const answers: (string | undefined)[] = [];
    for (const each of fixtures) {
      const next = await RelayClient.open(bench, each, { over: (await (chain.at(-1) as RelayClient).carry()).stream });
      answers.push(code(next.answer));
      if (next.answer?.kind === "accepted") chain.push(next);
    }
    expect(answers).toEqual(["accepted", "accepted", "accepted", "relay-depth"]);
    const channel = await ChannelClient.open(bench, agent, { over: (await (chain.at(-1) as RelayClient).carry()).stream });
    expect(code(channel.answer)).toBe("welcome");
    await until(() => bench.channels.some((report) => report.instance === channel.instance), "the channel to be reported");
    expect(bench.channels.find((report) => report.instance === channel.instance)?.relayPath.map(({ name }) => name)).toEqual(["relay-1", "chain-0", "chain-1", "chain-2"]);
    await until(() => bench.relays.some((report) => report.relayId === fixtures[2]?.relay.relayId && report.state === "connected"), "the outermost relay to be reported");
    expect(bench.relays.find((report) => report.relayId === fixtures[2]?.relay.relayId)?.relayPath.map(({ name }) => name)).toEqual(["relay-1", "chain-0", "chain-1"]);
    chain[1]?.close();
    await until(() => channel.endReason !== undefined && chain.slice(1).every((client) => client.endReason !== undefined), "everything behind the first of the chain to end");
  });

  it("ends a deregistered relay's session with everything through it, and leaves the others alone [T10]", async () => {
    const gone = await addRelay(bench, { name: "relay-gone" });
    await bench.applied();
    const client = await RelayClient.open(bench, gone);
    const [through1, through2] = [await ChannelClient.open(bench, agent, { over: (await client.carry()).stream }), await through((await client.carry()).stream)];
    const twin = await bench.agent();
    const other = await ChannelClient.open(bench, twin, { over: (await relay.carry()).stream });
    bench.snapshot.relays = bench.snapshot.relays.filter(({ relayId }) => relayId !== gone.relay.relayId);
    await bench.applied();
    await until(() => client.endReason !== undefined && through1.endReason !== undefined && through2.socket.destroyed, "all of it to end", 2_000);
    await until(() => bench.relays.some((report) => report.relayId === gone.relay.relayId && report.state === "ended" && report.detail === "the relay was deregistered"), "the reason to be reported");
    expect([other.endReason, relay.endReason]).toEqual([undefined, undefined]);
    expect((await other.connect(target)).answer?.kind).toBe("accepted");
    // The confirmation of a certificate is taken back.
    const confirmed = fixture.relay.fingerprints;
    const second = await addRelay(bench, { name: "relay-second" });
    await bench.applied();
    const unconfirmed = await RelayClient.open(bench, second);
    second.relay.fingerprints = [];
    await bench.applied();
    await until(() => unconfirmed.endReason !== undefined, "the session of the unconfirmed certificate to end");
    expect(fixture.relay.fingerprints).toBe(confirmed);
    other.close();
  });

  it("reports what a relay carries", async () => {
    expect((await relay.ask({ kind: "load", connections: 3, opened: 70, refused: 2, bytesUp: 1_000, bytesDown: 2_000 })).answer).toEqual({ kind: "accepted" });
    await until(() => bench.relays.some((report) => report.relayId === fixture.relay.relayId && report.opened === 70), "the load to be reported", 12_000);
    expect(bench.relays.findLast((report) => report.relayId === fixture.relay.relayId)).toMatchObject({ state: "connected", connections: 3, refused: 2, bytesUp: 1_000, bytesDown: 2_000 });
  });

  it("dials a relay that may not dial, and says why it cannot [S4-28] [X4-05]", async () => {
    const dialled: RelayClient[] = [];
    const certificate = await relayCertificate("relay-dialled");
    const port = server.port;
    const listening = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem, requestCert: true, rejectUnauthorized: false, ALPNProtocols: [upstreamAlpn], allowHalfOpen: true } as tls.TlsOptions, (socket) => {
      socket.on("error", () => socket.destroy());
      expect(socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(bench.listenerCertificate.fingerprint);
      const client = new RelayClient(socket);
      dialled.push(client);
      void client.hello(bench, waiting.relayKey);
    });
    await new Promise<void>((resolve) => listening.listen({ port: 0, host: "127.0.0.1" }, resolve));
    const away = await addRelay(bench, { name: "relay-away", dial: { host: "127.0.0.1", port: 1 } });
    const noRelay = await addRelay(bench, { name: "no-relay", dial: { host: "127.0.0.1", port } });
    const waiting = await addRelay(bench, { name: "relay-dialled", dial: { host: "127.0.0.1", port: (listening.address() as net.AddressInfo).port } });
    await bench.applied();
    const stateOf = (id: string): string | undefined => bench.relays.findLast((report) => report.relayId === id)?.state;
    await until(() => stateOf(away.relay.relayId) === "failed" && stateOf(waiting.relay.relayId) === "waiting", "both to be reported");
    expect(bench.relays.find((report) => report.relayId === away.relay.relayId)?.detail).toContain("connection refused");
    waiting.relay.fingerprints = [certificate.fingerprint];
    bench.snapshot.relays = bench.snapshot.relays.filter(({ relayId }) => relayId !== away.relay.relayId && relayId !== noRelay.relay.relayId);
    await bench.applied();
    await until(() => dialled.at(-1)?.answer?.kind === "accepted", "the confirmed relay to be served");
    const channel = await ChannelClient.open(bench, agent, { over: (await (dialled.at(-1) as RelayClient).carry()).stream });
    expect(code(channel.answer)).toBe("welcome");
    waiting.relay.dial = null;
    await bench.applied();
    await until(() => channel.endReason !== undefined, "the session to end when the relay is no longer dialled");
    listening.close();
  });

  it("keeps agents that listen connected through the relay, and lists those that do not answer [X4-01]", async () => {
    const twin = await bench.agent();
    const channels: ChannelClient[] = [];
    const listening = await countingServer((raw) => {
      void ChannelClient.open(bench, twin, { over: raw, tls: { ALPNProtocols: [channelAlpn] } }).then((channel) => channels.push(channel));
    });
    const keeper = await addRelay(bench, { name: "relay-keeper", listeningAgents: [{ host: "127.0.0.1", port: listening.port }, { host: "127.0.0.1", port: 1 }] });
    await bench.applied();
    const client = await RelayClient.open(bench, keeper);
    await until(() => channels.length === 1 && code(channels[0]?.answer) === "welcome", "the listening agent's channel");
    channels[0]?.close();
    await until(() => channels.length === 2, "it to be dialled again");
    await until(() => bench.relays.some((report) => report.relayId === keeper.relay.relayId && report.unreachable.some(({ port, detail }) => port === 1 && detail.includes("refused"))), "the other to be listed", 12_000);
    // A hostile relay that says a dial succeeded gets no further than any client without a certificate.
    client.close();
    await until(() => channels.at(-1)?.endReason !== undefined, "the channel to end with its relay");
    keeper.relay.listeningAgents = [];
    await bench.applied();
    await listening.close();
  });

  it("does not confuse the handshakes of many agents that come at once [T21] [T39]", async () => {
    const agents = await Promise.all(Array.from({ length: 40 }, async () => await bench.agent()));
    const channels = await Promise.all(agents.map(async (each, index) => await ChannelClient.open(bench, each, index % 4 === 0 ? {} : { over: (await relay.carry(`10.7.0.${index}:1`)).stream })));
    // Who did not make it within this bench's short deadline is not confused with anybody either.
    const welcomed = channels.flatMap((channel, index) => (channel.answer?.kind === "welcome" ? [{ channel, index, agentId: agents[index]?.id }] : []));
    expect(welcomed.length).toBeGreaterThan(10);
    await until(() => welcomed.every(({ channel }) => bench.channels.some((report) => report.instance === channel.instance)), "all to be reported");
    for (const { channel, index, agentId } of welcomed) {
      const report = bench.channels.find(({ instance }) => instance === channel.instance);
      expect([report?.agentId, report?.relayPath.length, index % 4 === 0 || report?.source === `10.7.0.${index}:1`]).toEqual([agentId, index % 4 === 0 ? 0 : 1, true]);
    }
    for (const channel of channels) channel.close();
  });

  it("asks relays to move when it drains", async () => {
    const draining = bench.group.drain(500);
    await until(() => relay.isGoingAway, "the relay to be told");
    expect(code((await RelayClient.open(bench, fixture).catch(() => undefined))?.answer)).toBeUndefined();
    await draining;
    await until(() => relay.endReason !== undefined, "the session to end");
  });
});
