/** Agent channels of a stream engine: what they carry, whom they refuse, and what a hostile agent cannot do with one. */
import { randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import type tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { ChannelClient, echoed, reach, readAnswerHead } from "../support/channel-client.ts";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

const vectors = (JSON.parse(fs.readFileSync(new URL("../fixtures/connect-target-vectors.json", import.meta.url), "utf8")) as { http1: { id: string; request: string; expect: string }[] }).http1;

describe.each(runtimes)("agent channels of an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let server: CountingServer;
  let agent: TestAgent;
  let target: string;

  beforeAll(async () => {
    server = await echoServer();
    bench = await GatewayBench.start({ runtime, engines: 2, limits: { requestTimeoutMs: 1_000 } }, [serverAt(server.port)]);
    agent = await bench.agent();
    target = `app.internal:${server.port}`;
  });
  afterAll(async () => {
    await bench.close();
    await server.close();
  });

  async function opened(identity: TestAgent, options: Parameters<typeof ChannelClient.open>[2] = {}): Promise<ChannelClient> {
    const channel = await ChannelClient.open(bench, identity, options);
    expect(channel.answer?.kind).toBe("welcome");
    await until(() => bench.group.channels.of(identity.id) !== undefined, "the supervisor to know the channel");
    return channel;
  }
  const code = (answer: ChannelClient["answer"]): string | undefined => (answer?.kind === "refused" ? answer.code : answer?.kind);

  it("welcomes an agent, carries its streams to servers, and reports both [S4-27]", async () => {
    const channel = await opened(agent);
    expect(channel.answer).toMatchObject({ gatewayId: bench.snapshot.gatewayId, gatewayName: "gw-1" });
    const { answer, stream } = await channel.connect(target);
    expect(answer).toEqual({ kind: "accepted" });
    const bytes = randomBytes(1_000_000);
    expect((await echoed(stream, bytes)).equals(bytes)).toBe(true);
    await until(() => bench.tunnels.some((report) => report.agentId === agent.id && report.bytesUp >= 1_000_000), "the tunnel to be reported");
    // An end is handed on as an end, to the server and back.
    stream.resume().end();
    await until(() => stream.readableEnded, "the server's end");
    await until(() => bench.tunnels.some((report) => report.agentId === agent.id && report.endReason === "finished"), "the tunnel's end to be reported");
    channel.close();
    await until(() => bench.channels.some((report) => report.agentId === agent.id && report.instance === channel.instance && report.endedAt !== null && report.bytesUp >= 1_000_000), "the channel's end to be reported");
  });

  it("opens streams to an agent, passes its answer back and wakes it [S4-14]", async () => {
    const channel = await opened(agent);
    const { answer, socket } = await reach(bench, agent.id);
    expect(answer).toEqual({ kind: "accepted" });
    const bytes = randomBytes(1_000_000);
    expect((await echoed(socket, bytes)).equals(bytes)).toBe(true);
    bench.group.knock([agent.id, randomUUID()]);
    await until(() => channel.wakes === 1, "the wake");
    // The channel's end is a cut for what runs in it, not an orderly end.
    socket.resume();
    channel.close();
    await until(() => socket.destroyed, "the session to be cut");
  });

  it("passes an agent's refusal on, and says when the agent is away", async () => {
    const refusing = await opened(agent, { onStream: (_head, stream) => void stream.end(writeStreamHead({ kind: "refused", code: "reach-service-refused", detail: "not listed" })) });
    expect(code((await reach(bench, agent.id)).answer)).toBe("reach-service-refused");
    refusing.close();
    const other = await bench.agent();
    const holder = await opened(other);
    // The engine that holds another agent's channel is asked for this one.
    expect(code((await reach(bench, agent.id, "grant", other.id)).answer)).toBe("reach-agent-away");
    holder.close();
  });

  it("keeps its socket for streams to agents to its own user", async () => {
    const channel = await opened(agent);
    const path = bench.group.reachSocketOf(agent.id) ?? "";
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    channel.close();
  });

  it("lets one stuck stream stop no other, in either direction [T08]", async () => {
    const stuckHeads: string[] = [];
    const channel = await opened(agent, {
      onStream: (head, stream) => {
        stream.write(writeStreamHead({ kind: "accepted" }));
        if (head.kind === "reach" && head.grant === "stuck") stuckHeads.push(head.grant);
        else stream.pipe(stream);
      },
    });
    const stuck = await reach(bench, agent.id, "stuck");
    expect(stuck.answer?.kind).toBe("accepted");
    for (let index = 0; index < 100; index += 1) stuck.socket.write(randomBytes(65_536));
    // One of the agent's own whose server it never reads from.
    const flooded = await channel.connect(target);
    flooded.stream.pause();
    for (let index = 0; index < 40; index += 1) flooded.stream.write(randomBytes(65_536));
    const started = performance.now();
    const bytes = randomBytes(200_000);
    const [down, up] = await Promise.all([reach(bench, agent.id), channel.connect(target)]);
    expect((await echoed(down.socket, bytes)).equals(bytes)).toBe(true);
    expect((await echoed(up.stream, bytes)).equals(bytes)).toBe(true);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(stuckHeads).toEqual(["stuck"]);
    stuck.socket.destroy();
    channel.close();
  });

  it("cuts off a stream whose head never comes, and leaves the channel alone [T06] [T08]", async () => {
    const channel = await opened(agent);
    const silent = channel.session.open();
    silent.write(Buffer.from([0, 200, 123]));
    expect(code(await readAnswerHead(silent))).toBe("request-timeout");
    expect(code((await channel.connect(target)).answer)).toBe("accepted");
    channel.close();
  });

  it("ends every stream of a revoked agent's channel at once, and nobody else's [T10]", async () => {
    const revoked = await bench.agent();
    const other = await opened(agent);
    const channel = await opened(revoked);
    const [own, session, theirs] = [await channel.connect(target), await reach(bench, revoked.id), await other.connect(target)];
    // A connection is accepted by the kernel before the server knows of it: only what answered is counted.
    for (const { stream } of [own, theirs]) expect(await echoed(stream, Buffer.from("there"))).toEqual(Buffer.from("there"));
    session.socket.resume();
    const open = server.open.size;
    await bench.revoke(revoked);
    await until(() => channel.endReason !== undefined && own.stream.destroyed && session.socket.destroyed && server.open.size < open, "all of it to end", 3_000);
    expect(await echoed(theirs.stream, Buffer.from("still here"))).toEqual(Buffer.from("still here"));
    const again = await ChannelClient.open(bench, revoked);
    expect(code(again.answer)).toBe("agent-revoked");
    await until(() => bench.channels.some((report) => report.agentId === revoked.id && report.endReason === "agent-revoked"), "the reason to be reported");
    other.close();
  });

  it("ends a channel when the agent's access runs out [T10]", async () => {
    const brief = await bench.agent({}, { expiresAt: Math.floor(Date.now() / 1_000) + 2 });
    const channel = await opened(brief);
    await until(() => channel.endReason !== undefined, "the end", 4_000);
    await until(() => bench.channels.some((report) => report.agentId === brief.id && report.endReason === "agent-revoked"), "the reason to be reported");
  });

  it("opens no channel on a TLS session resumed after revocation [T11]", async () => {
    const revoked = await bench.agent();
    const first = await ChannelClient.silent(bench, revoked);
    const session = new Promise<Buffer>((resolve) => first.socket.once("session", resolve));
    expect((await first.hello())?.kind).toBe("welcome");
    await bench.revoke(revoked);
    // Each engine has tickets of its own, and the kernel chooses the engine.
    let wasResumed = false;
    for (let attempt = 0; attempt < 20 && !wasResumed; attempt += 1) {
      const resumed = await ChannelClient.open(bench, revoked, { tls: { session: await session } });
      expect(code(resumed.answer)).toBe("agent-revoked");
      wasResumed = resumed.socket.isSessionReused();
    }
    expect(wasResumed).toBe(true);
  });

  it("tells an agent in its own words why it gets no channel [S4-34] [T15]", async () => {
    const waiting = await bench.agent({}, { status: "waiting" });
    expect(code((await ChannelClient.open(bench, waiting)).answer)).toBe("agent-not-approved");
    expect((await bench.connect(waiting, target)).text).toContain("agent-not-approved");
    expect(code((await ChannelClient.open(bench, undefined)).answer)).toBe("certificate-missing");
    const stranger = await TestCa.root({ commonName: "Stranger" });
    expect(code((await ChannelClient.open(bench, await bench.agent({}, {}, stranger))).answer)).toMatch(/^certificate-(untrusted|chain-incomplete)$/);
    const bundle = randomUUID();
    const issued = await bench.issuing.issue({ commonName: "bundle", uris: [bench.identity("bundle", bundle)] });
    await bench.allow({ kind: "bundle", id: bundle, fingerprints: [issued.fingerprint] });
    expect(code((await ChannelClient.open(bench, issued)).answer)).toBe("certificate-identity");
    const strayed = await bench.agent({}, { groupIds: [randomUUID()] });
    expect(code((await ChannelClient.open(bench, strayed)).answer)).toBe("policy-none");
  });

  it("asks policy and access anew for each stream of an old channel", async () => {
    const channel = await opened(agent);
    const [policy] = bench.snapshot.policies;
    if (policy) policy.isEnabled = false;
    await bench.applied();
    expect(code((await channel.connect(target)).answer)).toBe("policy-disabled");
    if (policy) policy.isEnabled = true;
    await bench.applied();
    expect(code((await channel.connect(target)).answer)).toBe("accepted");
    channel.close();
  });

  it("gives an agent no server that is not assigned, and no identity but its own [T01] [T21]", async () => {
    const secret = await echoServer();
    const channel = await opened(agent);
    for (const wrong of [`other.internal:${server.port}`, `127.0.0.1:${secret.port}`, `app.internal:${secret.port}`, `localhost:${secret.port}`]) expect(code((await channel.connect(wrong)).answer)).toMatch(/^target-(host|port)$/);
    // Whatever else a head says is refused, not ignored.
    expect(code((await channel.ask({ kind: "connect", target, agentId: randomUUID() })).answer)).toBe("channel-protocol");
    expect(code((await channel.ask({ kind: "forward", agentId: randomUUID(), head: { kind: "reach", sessionId: randomUUID(), grant: "x" } })).answer)).toBe("channel-protocol");
    expect(code((await channel.ask({ kind: "hello", instance: randomUUID(), version: "1", isListening: false })).answer)).toBe("channel-protocol");
    expect(secret.accepted).toBe(0);
    const refusal = await bench.refusal("target-host");
    expect(refusal.agentId).toBe(agent.id);
    channel.close();
    await secret.close();
  });

  it("decides every CONNECT vector alike in a channel, opening nothing else [T01] [T02] [T03] [T04]", async () => {
    const channel = await opened(agent);
    const before = bench.snapshot.servers;
    const allowed = [["app.internal", 443], ["db.internal", 5432], ["192.0.2.10", 8443], ["2001:db8:0:0:0:0:0:10", 443]] as const;
    bench.snapshot.servers = allowed.map(([name, port]) => serverAt(port, { id: randomUUID(), names: [name], addresses: ["127.0.0.250"] }));
    await bench.applied();
    const accepted = server.accepted;
    let compared = 0;
    for (const vector of vectors) {
      const asked = /^CONNECT ([^\r\n]*) HTTP\/1\.1\r\nHost: \1\r\n\r\n$/s.exec(vector.request)?.[1];
      if (asked === undefined) continue;
      compared += 1;
      const got = code((await channel.connect(asked)).answer);
      const expected = vector.expect.startsWith("tunnel") ? /^(backend-refused|backend-timeout|target-host|target-malformed)$/ : /^(target-host|target-port|target-malformed|channel-protocol)$/;
      expect([vector.id, got]).toEqual([vector.id, expect.stringMatching(vector.expect === "tunnel" ? /^backend-(refused|timeout)$/ : expected)]);
    }
    expect(compared).toBeGreaterThan(15);
    expect(server.accepted).toBe(accepted);
    bench.snapshot.servers = before;
    await bench.applied();
    channel.close();
  });

  it("serves the newest of two machines with one identity, on whichever engine, and names both [T22]", async () => {
    const cloned = await bench.agent();
    const first = await opened(cloned);
    const running = await first.connect(target);
    const from = bench.refusals.length;
    const firstPort = first.socket.localPort;
    const second = await opened(cloned);
    const ports = [firstPort, second.socket.localPort];
    await until(() => first.endReason !== undefined && running.stream.destroyed, "the older machine's channel to end");
    const refusal = await bench.refusal("channel-superseded", from);
    expect(refusal).toMatchObject({ agentId: cloned.id });
    for (const port of ports) expect(refusal.detail).toContain(`127.0.0.1:${port ?? "?"}`);
    expect(code((await second.connect(target)).answer)).toBe("accepted");
    // Many more times, so that both engines hold one of the two at some time.
    let last = second;
    for (let turn = 0; turn < 6; turn += 1) {
      const next = await opened(cloned);
      const older = last;
      await until(() => older.endReason !== undefined, "the older machine's channel to end");
      last = next;
    }
    expect(code((await last.connect(target)).answer)).toBe("accepted");
    last.close();
  });

  it("takes a second channel of the same run as a hand-over: the first finishes, the newest is used", async () => {
    const first = await opened(agent);
    const running = await first.connect(target);
    const second = await opened(agent, { instance: first.instance });
    await until(() => bench.channels.filter((report) => report.instance === first.instance && report.endedAt === null).length >= 2, "both to be known");
    expect(await echoed(running.stream, Buffer.from("goes on"))).toEqual(Buffer.from("goes on"));
    expect((await reach(bench, agent.id)).answer?.kind).toBe("accepted");
    first.session.goAway();
    running.stream.destroy();
    await until(() => first.endReason !== undefined, "the old channel to end after its last stream");
    expect(second.endReason).toBeUndefined();
    second.close();
  });

  it("ends a peer that does not speak the channel's protocol [T06] [T09]", async () => {
    const from = bench.refusals.length;
    const silent = await ChannelClient.silent(bench, agent);
    const eager = await ChannelClient.silent(bench, agent);
    const [a, b] = [eager.session.open(), eager.session.open()];
    a.write(Buffer.from([0]));
    b.write(Buffer.from([0]));
    const wrong = await ChannelClient.silent(bench, agent);
    await wrong.ask({ kind: "connect", target });
    const long = await ChannelClient.silent(bench, agent);
    const big = long.session.open();
    big.write(Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.alloc(65_535, 0x20)]));
    const plain = await bench.tls(agent, { ALPNProtocols: ["sallyport/1"] });
    plain.resume().write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    await until(() => [silent, eager, wrong, long].every((channel) => channel.endReason !== undefined) && plain.readableEnded, "all of them to end", 4_000);
    await bench.refusal("channel-protocol", from);
    await bench.refusal("request-timeout", from);
    expect(bench.channels.filter((report) => [silent, eager, wrong, long].some((channel) => channel.instance === report.instance))).toEqual([]);
  });

  it("speaks a channel, HTTP/1.1 or nothing, and refuses clients that insist on something else", async () => {
    const negotiated = async (ALPNProtocols?: string[]): Promise<unknown> => {
      const socket: tls.TLSSocket = await bench.tls(agent, ALPNProtocols ? { ALPNProtocols } : {});
      socket.destroy();
      return socket.alpnProtocol;
    };
    expect([await negotiated(), await negotiated(["h2", "http/1.1"]), await negotiated(["http/1.1", "sallyport/1"])]).toEqual([false, "http/1.1", "sallyport/1"]);
    await expect(negotiated(["h2"])).rejects.toThrow();
  });
});

describe.each(runtimes)("agent channels of an engine on %s that has one server for everybody", (runtime) => {
  it("opens channels on a direct listener and leaves every other protocol to its server", async () => {
    const server = await echoServer();
    const bench = await GatewayBench.start({ runtime }, [serverAt(server.port)]);
    try {
      const agent = await bench.agent();
      const [entry] = bench.snapshot.servers;
      bench.listener.mode = { kind: "direct", serverId: entry?.id ?? "", port: server.port };
      await bench.applied();
      for (const ALPNProtocols of [undefined, ["h2"], ["foo", "bar"], ["http/1.1"]]) {
        const socket = await bench.tls(agent, ALPNProtocols ? { ALPNProtocols } : {});
        expect(socket.alpnProtocol).toBe(false);
        expect(await echoed(socket, Buffer.from("as ever"))).toEqual(Buffer.from("as ever"));
        socket.destroy();
      }
      const channel = await ChannelClient.open(bench, agent);
      expect(channel.answer?.kind).toBe("welcome");
      expect((await channel.connect(`app.internal:${server.port}`)).answer).toEqual({ kind: "accepted" });
      channel.close();
    } finally {
      await bench.close();
      await server.close();
    }
  });

  it("counts streams to servers like connections, and answers when the gateway is full [T38]", async () => {
    const server = await echoServer();
    const bench = await GatewayBench.start({ runtime, limits: { connectionsMax: 10 } }, [serverAt(server.port)]);
    try {
      const channel = await ChannelClient.open(bench, await bench.agent());
      const asked = await Promise.all(Array.from({ length: 20 }, async () => await channel.connect(`app.internal:${server.port}`)));
      expect(asked.filter(({ answer }) => answer?.kind === "accepted")).toHaveLength(9);
      expect(asked.filter(({ answer }) => answer?.kind === "refused" && answer.code === "gateway-full")).toHaveLength(11);
      for (const { stream } of asked) stream.destroy();
      await until(() => server.open.size === 0, "the servers' connections to end");
      expect((await channel.connect(`app.internal:${server.port}`)).answer?.kind).toBe("accepted");
      channel.close();
      await until(() => bench.group.status().connections === 0, "nothing to be left");
    } finally {
      await bench.close();
      await server.close();
    }
  });

  it("tells agents to move when it drains, fails no stream of theirs, and ends what is left", async () => {
    const server = await echoServer();
    const bench = await GatewayBench.start({ runtime }, [serverAt(server.port)]);
    try {
      const agents = await Promise.all(Array.from({ length: 5 }, async () => await bench.agent()));
      const channels = await Promise.all(agents.map(async (agent) => await ChannelClient.open(bench, agent)));
      const running = await Promise.all(channels.map(async (channel) => await channel.connect(`app.internal:${server.port}`)));
      const drained = bench.group.drain(1_500);
      await until(() => channels.every((channel) => channel.isGoingAway), "every agent to be told");
      // Until an agent has its next channel, it is reached through this one.
      expect((await reach(bench, agents[0]?.id ?? "")).answer?.kind).toBe("accepted");
      for (const { stream } of running) expect(await echoed(stream, Buffer.from("in flight"))).toEqual(Buffer.from("in flight"));
      for (const { stream } of running.slice(1)) stream.resume().end();
      for (const channel of channels.slice(1)) channel.session.goAway();
      await until(() => channels.slice(1).every((channel) => channel.endReason !== undefined), "the channels that moved to end", 1_400);
      expect(channels[0]?.endReason).toBeUndefined();
      expect(await drained).toEqual({ tunnelsCut: 1 });
      await until(() => channels[0]?.endReason !== undefined, "the last channel to end");
    } finally {
      await bench.close();
      await server.close();
    }
  });
});
