/** Clients that are slow, silent, many or malicious: the engine stays alive, good clients are unharmed, descriptors and memory come back. */
import { randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, readAnswer, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { Answer, TestAgent } from "../support/gateway-bench.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

type Vector = { id: string; request: string; expect: string };
const vectors = (JSON.parse(fs.readFileSync(new URL("../fixtures/connect-target-vectors.json", import.meta.url), "utf8")) as { http1: Vector[] }).http1;

describe.each(runtimes)("hostile clients of an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let agent: TestAgent;
  let target: string;
  beforeAll(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime, limits: { handshakeTimeoutMs: 2_000, requestTimeoutMs: 2_000, handshakesPerSourceMax: 100, handshakesMax: 1_500 } }, [serverAt(echo.port)]);
    agent = await bench.agent();
    target = `app.internal:${echo.port}`;
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
  });

  function raw(first: Buffer | undefined, localAddress = "127.0.0.1"): net.Socket {
    const socket = net.connect({ port: bench.listener.port, host: "127.0.0.1", localAddress });
    socket.on("error", () => {});
    if (first) socket.write(first);
    return socket.resume();
  }

  async function goodClientWorks(localAddress = "127.0.0.77"): Promise<void> {
    const socket = net.connect({ port: bench.listener.port, host: "127.0.0.1", localAddress });
    const answer = await bench.connect(agent, target, { socket, host: undefined, port: undefined });
    expect(answer.status).toBe(200);
    const back = new Promise<string>((resolve) => answer.socket.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    answer.socket.resume().write("fine");
    expect(await back).toBe("fine");
    answer.socket.destroy();
  }

  it("closes silent connections and stopped handshakes within the limit; other sources are unharmed [T05] [H1]", async () => {
    const before = bench.descriptors();
    const from = bench.refusals.length;
    // 5,000 in waves, as the test itself has only so many descriptors.
    const hello = Buffer.from("16030100c8010000c40303", "hex");
    for (let wave = 0; wave < 5; wave += 1) {
      const sockets = Array.from({ length: 1_000 }, (_, index) => raw(index % 2 === 0 ? undefined : hello, `127.0.1.${1 + (index % 20)}`));
      await goodClientWorks();
      const opened = performance.now();
      await until(() => sockets.every((socket) => socket.closed), "every one was closed", 10_000);
      expect(performance.now() - opened).toBeLessThan(8_000);
    }
    await until(() => bench.descriptors() <= before + 2, "descriptors came back");
    await bench.refusal("tls-handshake-timeout", from);
    await goodClientWorks();
  }, 60_000);

  it("bounds unfinished handshakes per source without touching other sources [T05]", async () => {
    const from = bench.refusals.length;
    const flood = Array.from({ length: 150 }, () => raw(undefined, "127.0.2.1"));
    await bench.refusal("source-limit", from);
    await goodClientWorks("127.0.2.2");
    await until(() => flood.every((socket) => socket.closed), "the flood is gone", 8_000);
    await goodClientWorks("127.0.2.1");
  });

  it("makes room for new clients when silent ones from many sources take every place [T05]", async () => {
    const flood = Array.from({ length: 1_500 }, (_, index) => raw(undefined, `127.0.3.${1 + (index % 20)}`));
    await until(() => flood.every((socket) => !socket.connecting), "the flood is connected");
    // A quarter of the handshake limit after the flood its oldest connections give way, long before they are closed for their age.
    await until(async () => await goodClientWorks("127.0.4.1").then(() => true, () => false), "a good client gets through", 1_900);
    await until(() => flood.every((socket) => socket.closed), "the flood is gone", 8_000);
  });

  it("ends a handshake that is stretched byte by byte [T05] [T06]", async () => {
    const socket = raw(undefined);
    const hello = Buffer.from("16030100c8010000c40303", "hex");
    let at = 0;
    const timer = setInterval(() => at < hello.length && socket.write(hello.subarray(at, ++at)), 150);
    const started = performance.now();
    await until(() => socket.closed, "it was closed", 6_000);
    clearInterval(timer);
    expect(performance.now() - started).toBeLessThan(4_500);
  });

  it("destroys a connection that sends malformed TLS after the handshake [T09] [H2]", async () => {
    const before = bench.descriptors();
    for (const garbage of [Buffer.from("17030300100000000000000000000000000000000000", "hex"), Buffer.from("15030300020000", "hex"), Buffer.from("1503030000", "hex"), Buffer.from("63030300050102030405", "hex"), Buffer.from("1503030002022a", "hex"), randomBytes(400)]) {
      for (const isInTunnel of [false, true]) {
        const carrier = net.connect(bench.listener.port, "127.0.0.1");
        const client = await bench.tls(agent, { socket: carrier, host: undefined, port: undefined });
        if (isInTunnel) {
          client.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
          await new Promise((resolve) => client.once("data", resolve));
        }
        const started = performance.now();
        carrier.write(garbage);
        await until(() => carrier.destroyed || carrier.readableEnded, `closed after ${garbage.toString("hex").slice(0, 12)}`, 5_000);
        expect(performance.now() - started).toBeLessThan(5_000);
        carrier.destroy();
      }
    }
    await until(() => bench.descriptors() <= before + 2, "descriptors came back");
    await goodClientWorks();
  });

  it("refuses huge chains, huge certificates and huge keys without blocking [T16]", async () => {
    const padded = await bench.agent({ paddingBytes: 64_000 });
    const many = await Promise.all(Array.from({ length: 100 }, async (_, index) => await bench.issuing.issue({ commonName: `filler ${index}` })));
    const long = { ...agent, chainPem: agent.chainPem + many.map((one) => one.certPem).join("") };
    const outcomes: number[] = [];
    for (const client of [padded, long]) {
      const started = performance.now();
      // Either the library refuses the handshake for its size, or the verdict decides it: both in bounded time.
      outcomes.push(await bench.connect(client, target).then((answer) => (answer.socket.destroy(), answer.status), () => 0));
      expect(performance.now() - started).toBeLessThan(2_000);
    }
    expect(outcomes.every((status) => [0, 200, 403].includes(status))).toBe(true);
    await until(() => bench.group.status().loopDelayMaxMs > 0, "a report");
    await goodClientWorks();
  });

  it("holds no more of an endless head than its limit, and answers 431 [T04]", async () => {
    const socket = await bench.tls(agent);
    const answered = readAnswer(socket);
    const before = bench.residentBytes();
    socket.write(`CONNECT ${target} HTTP/1.1\r\nx: `);
    for (let index = 0; index < 160 && !socket.destroyed; index += 1) socket.write(Buffer.alloc(65_536, 0x61));
    expect((await answered).status).toBe(431);
    expect(bench.residentBytes() - before).toBeLessThan(40 * 1_048_576);
    socket.destroy();
  });

  it("decides every CONNECT vector as stated, opening nothing else [T01] [T03]", async () => {
    const allowed = [["app.internal", 443], ["db.internal", 5432], ["192.0.2.10", 8443], ["2001:db8:0:0:0:0:0:10", 443]] as const;
    const before = structuredClone(bench.snapshot);
    // The vectors' ports belong to others on this machine; an address without a listener there tells a permitted dial (502) from a refusal.
    bench.snapshot.servers = allowed.map(([name, port]) => serverAt(port, { id: randomUUID(), names: [name], addresses: ["127.0.0.250"] }));
    await bench.applied();
    const accepted = echo.accepted;
    for (const vector of vectors) {
      const { status, socket } = await bench.request(agent, Buffer.from(vector.request, "utf8"));
      socket.destroy();
      const expected: Record<string, number[]> = { tunnel: [502], "tunnel-or-403": [502, 403], "tunnel-or-400": [502, 400], "tunnel-without-body-or-400": [502, 400], "tunnel-to-authority-or-400": [502, 400], "refuse-400": [400], "refuse-403": [403], "refuse-4xx": [400, 403, 404, 405] };
      expect([vector.id, vector.id === "8k-host" ? [400, 431].includes(status) : expected[vector.expect]?.includes(status)]).toEqual([vector.id, true]);
    }
    expect(echo.accepted).toBe(accepted);
    bench.snapshot.servers = before.servers;
    await bench.applied();
    await goodClientWorks();
  });

  it("accepts only TLS that offers HTTP/1.1 or no application protocol at all", async () => {
    const offered = await bench.tls(agent, { ALPNProtocols: ["h2", "http/1.1"] });
    expect(offered.alpnProtocol).toBe("http/1.1");
    offered.destroy();
    const none = await bench.tls(agent);
    expect(none.alpnProtocol).toBe(false);
    none.destroy();
  });
});

describe.each(runtimes)("limits of an engine on %s", (runtime) => {
  it("answers 503 at its connection limit, recovers, and never runs out of descriptors [T38]", async () => {
    const echo = await echoServer();
    const bench = await GatewayBench.start({ runtime, limits: { connectionsMax: 20 } }, [serverAt(echo.port)]);
    try {
      const agent = await bench.agent();
      const target = `app.internal:${echo.port}`;
      const open = await Promise.all(Array.from({ length: 20 }, async () => await bench.connect(agent, target)));
      expect(open.every((answer) => answer.status === 200)).toBe(true);
      await until(() => bench.group.status().listeners[0]?.state === "full", "the listener says full");
      const from = bench.refusals.length;
      const over = await bench.connect(agent, target);
      expect(over.status).toBe(503);
      expect(over.headers["proxy-status"]).toContain("connection_limit_reached");
      await bench.refusal("gateway-full", from);
      for (const answer of open) answer.socket.destroy();
      await until(() => bench.group.status().connections === 0, "all are gone");
      expect((await bench.connect(agent, target)).status).toBe(200);
    } finally {
      await bench.close();
      await echo.close();
    }
  });

  it("holds 400 idle tunnels in little memory", async () => {
    const echo = await echoServer();
    const bench = await GatewayBench.start({ runtime, limits: { handshakesPerSourceMax: 1_000 } }, [serverAt(echo.port)]);
    try {
      const agent = await bench.agent();
      const target = `app.internal:${echo.port}`;
      for (let index = 0; index < 50; index += 1) (await bench.connect(agent, target)).socket.destroy();
      const before = bench.residentBytes();
      const open: Answer[] = [];
      for (let round = 0; round < 8; round += 1) open.push(...(await Promise.all(Array.from({ length: 50 }, async () => await bench.connect(agent, target)))));
      expect((bench.residentBytes() - before) / open.length).toBeLessThan(runtime === "bun" ? 60_000 : 200_000);
      for (const answer of open) answer.socket.destroy();
      await until(() => bench.group.status().connections === 0, "all are gone");
    } finally {
      await bench.close();
      await echo.close();
    }
  }, 60_000);
});
