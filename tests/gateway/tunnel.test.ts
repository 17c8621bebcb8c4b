/** An agent's bytes through the gateway: exact, both ways, with half-close, back-pressure and deadlines, on both runtimes. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, readAll, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import { blackHole, countingServer, echoServer, freePort, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe.each(runtimes)("a tunnel through an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let agent: TestAgent;
  const servers: CountingServer[] = [];
  beforeAll(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime, limits: { connectTimeoutMs: 500, requestTimeoutMs: 1_500 } }, [serverAt(echo.port)]);
    agent = await bench.agent();
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
    for (const server of servers) await server.close();
  });

  /** Adds a server that answers with `serve`, and returns its CONNECT target. */
  async function behind(serve: (socket: net.Socket) => void): Promise<{ target: string; server: CountingServer }> {
    const server = await countingServer(serve);
    servers.push(server);
    bench.snapshot.servers.push(serverAt(server.port, { id: randomUUID() }));
    await bench.applied();
    return { target: `app.internal:${server.port}`, server };
  }

  it("carries bytes both ways after CONNECT and names the connection [S0-13] [S0-14] [S0-15] [S0-18]", async () => {
    const answer = await bench.connect(agent, `app.internal:${echo.port}`);
    expect(answer.status).toBe(200);
    expect(answer.headers["sallyport-connection-id"]).toMatch(/^[0-9a-f]{10}-[0-9a-z]+$/);
    answer.socket.end("hello");
    expect((await readAll(answer.socket)).toString()).toBe("hello");
    await until(() => bench.tunnels.some((tunnel) => tunnel.connectionId === answer.headers["sallyport-connection-id"] && tunnel.endReason === "finished" && tunnel.bytesUp === 5 && tunnel.bytesDown === 5 && tunnel.agentId === agent.id), "the tunnel's report");
  });

  it("passes 32 MB unchanged both ways, and a thousand tiny writes in order [S0-18] [S1-06]", async () => {
    const { socket } = await bench.connect(agent, `app.internal:${echo.port}`);
    const sent = randomBytes(32 * 1_048_576);
    const received = readAll(socket);
    for (let at = 0; at < sent.length; at += 65_536) if (!socket.write(sent.subarray(at, at + 65_536))) await new Promise((resolve) => socket.once("drain", resolve));
    socket.end();
    expect(sha256(await received)).toBe(sha256(sent));
    const tiny = (await bench.connect(agent, `app.internal:${echo.port}`)).socket;
    const text = Array.from({ length: 1_000 }, (_, index) => `${index};`);
    const echoed = readAll(tiny);
    for (const part of text) tiny.write(part);
    tiny.end();
    expect((await echoed).toString()).toBe(text.join(""));
  });

  it("delivers bytes sent together with the request once and in order [S0-18] [T03]", async () => {
    const target = `app.internal:${echo.port}`;
    const answer = await bench.request(agent, Buffer.concat([Buffer.from(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n`), Buffer.from([0x16, 3, 1, 0, 255])]));
    expect(answer.status).toBe(200);
    answer.socket.end("more");
    const all = Buffer.concat([answer.rest, await readAll(answer.socket)]);
    expect(all.toString("latin1")).toBe("\x16\x03\x01\x00\xffmore");
  });

  it("routes by the target alone, whatever Host says [T03]", async () => {
    const answer = await bench.request(agent, `CONNECT APP.internal.:${echo.port} HTTP/1.1\r\nHost: evil.example:1\r\n\r\n`);
    expect(answer.status).toBe(200);
    answer.socket.destroy();
  });

  it("reads a request that comes byte by byte", async () => {
    const socket = await bench.tls(agent);
    const target = `app.internal:${echo.port}`;
    const first = new Promise<string>((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    for (const character of `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`) socket.write(character);
    expect(await first).toContain("200 Connection established");
    socket.destroy();
  });

  it("hands on the end of either side while the other still sends [S0-18]", async () => {
    const late = await behind((socket) => {
      let got = "";
      socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
      socket.on("end", () => setTimeout(() => socket.end(`after your end: ${got}`), 100));
    });
    const up = (await bench.connect(agent, late.target)).socket;
    up.end("question");
    expect((await readAll(up)).toString()).toBe("after your end: question");

    let atServer = "";
    const early = await behind((socket) => void socket.on("data", (chunk: Buffer) => (atServer += chunk.toString())).end("bye"));
    const down = (await bench.connect(agent, early.target)).socket;
    expect((await readAll(down)).toString()).toBe("bye");
    down.write("still here");
    await until(() => atServer === "still here", "bytes after the server's end");
    down.end();
    await until(() => early.server.open.size === 0, "both directions ended");
  });

  it("hands a cut on as a cut: a reset server is no orderly end, and a vanished client resets the server [S0-18]", async () => {
    const cutting = await behind((socket) => void socket.once("data", () => socket.resetAndDestroy()));
    const { socket } = await bench.connect(agent, cutting.target);
    const ended = new Promise<string>((resolve) => void socket.on("end", () => resolve("end")).on("close", () => resolve("close")).resume());
    socket.write("go");
    expect(await ended).toBe("close");

    const errors: string[] = [];
    const watching = await behind((opened) => void opened.on("error", (error: NodeJS.ErrnoException) => errors.push(error.code ?? "")).resume());
    const raw = net.connect(bench.listener.port, "127.0.0.1");
    const client = await bench.tls(agent, { socket: raw, host: undefined, port: undefined });
    client.write(`CONNECT ${watching.target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => client.once("data", resolve));
    // The gateway's answer may be here before this process has taken the gateway's connection.
    await until(() => watching.server.accepted === 1, "the server's socket is there");
    raw.resetAndDestroy();
    await until(() => watching.server.open.size === 0, "the server's socket is gone");
    expect(errors).toEqual(["ECONNRESET"]);
  });

  it("carries a second TLS session end to end, which it cannot read [S0-19] [S0-20] [S0-23]", async () => {
    const innerCa = await TestCa.root({ commonName: "inner" });
    const identity = await innerCa.issue({ dns: ["app.internal"], usage: ["server"] });
    const client = await innerCa.issue({ commonName: "inner client" });
    const captured: Buffer[] = [];
    const inner = tls.createServer({ cert: identity.chainPem, key: identity.keyPem, ca: innerCa.certPem, requestCert: true, rejectUnauthorized: true }, (socket) => void socket.on("error", () => {}).pipe(socket));
    const { target } = await behind((socket) => {
      socket.on("data", (chunk: Buffer) => captured.push(chunk));
      inner.emit("connection", socket);
    });
    const outer = (await bench.connect(agent, target)).socket;
    const session = tls.connect({ socket: outer, servername: "app.internal", ca: innerCa.certPem, cert: client.chainPem, key: client.keyPem });
    await new Promise<void>((resolve, reject) => void session.once("secureConnect", resolve).once("error", reject));
    expect(session.authorized).toBe(true);
    session.write("secret inventory");
    expect((await new Promise<Buffer>((resolve) => session.once("data", resolve))).toString()).toBe("secret inventory");
    const wire = Buffer.concat(captured);
    expect(wire.toString("latin1")).not.toContain("secret");
    expect(onlyTlsRecords(wire)).toBe(true);
    session.destroy();
  });

  it("tries the server's addresses in order and answers 502 or 504 when none works [T30]", async () => {
    const target = `app.internal:${echo.port}`;
    const from = bench.refusals.length;
    const app = bench.snapshot.servers[0];
    if (!app) throw new Error("the bench has a server");
    app.addresses = ["127.0.0.9", "127.0.0.1"];
    await bench.applied();
    const second = await bench.connect(agent, target);
    expect(second.status).toBe(200);
    second.socket.destroy();
    app.addresses = ["127.0.0.9"];
    await bench.applied();
    expect((await bench.connect(agent, target)).status).toBe(502);
    await bench.refusal("backend-refused", from);
    app.addresses = ["127.0.0.1"];
    await bench.applied();
  });

  it("gives a server that never answers its own time limit, then 504 [T30]", async () => {
    const hole = await blackHole();
    const { port } = hole;
    bench.snapshot.servers.push(serverAt(port, { id: randomUUID(), names: ["hole.internal"] }));
    await bench.applied();
    const started = performance.now();
    expect((await bench.connect(agent, `hole.internal:${port}`)).status).toBe(504);
    expect(performance.now() - started).toBeLessThan(3_000);
    hole.close();
  });

  it("dials no loopback, link-local or own address that a name resolves to, unless the server lists it [T02]", async () => {
    const from = bench.refusals.length;
    const before = echo.accepted;
    bench.snapshot.servers.push(serverAt(echo.port, { id: randomUUID(), names: ["localhost"], addresses: [] }), serverAt(echo.port, { id: randomUUID(), names: ["127.0.0.1"], addresses: [] }), serverAt(9, { id: randomUUID(), names: ["does-not-exist.invalid"], addresses: [] }));
    await bench.applied();
    const refused = await bench.connect(agent, `localhost:${echo.port}`);
    expect(refused.headers["proxy-status"]).toContain("destination_ip_prohibited");
    await bench.refusal("backend-address-forbidden", from);
    expect(echo.accepted).toBe(before);
    expect((await bench.connect(agent, "does-not-exist.invalid:9")).headers["proxy-status"]).toContain("dns_error");
    const listed = await bench.connect(agent, `127.0.0.1:${echo.port}`);
    expect(listed.status).toBe(200);
    listed.socket.destroy();
  });

  it("answers 408 to a client that never finishes its request [T06]", async () => {
    const answer = await bench.request(agent, "CONNECT app.internal:443 HTTP/1.1\r\nHost: x\r\n");
    expect(answer.status).toBe(408);
  });
});

describe.each(runtimes)("a stopped reader behind an engine on %s", (runtime) => {
  it("stops its writer in both directions; memory stays bounded and every byte arrives [T06] [H12]", async () => {
    const size = 300 * 1_048_576;
    const chunk = randomBytes(65_536);
    let sentDown = 0;
    let atServer = 0;
    let serverSocket: net.Socket | undefined;
    const source = await countingServer((socket) => {
      serverSocket = socket;
      socket.once("data", (first: Buffer) => {
        if (first[0] === 0x55) {
          atServer = first.length;
          socket.on("data", (more: Buffer) => (atServer += more.length)).pause();
          socket.on("end", () => socket.end());
          return;
        }
        const go = (): void => {
          while (sentDown < size) {
            sentDown += chunk.length;
            if (!socket.write(chunk)) return void socket.once("drain", go);
          }
          socket.end();
        };
        go();
      });
    });
    const bench = await GatewayBench.start({ runtime }, [serverAt(source.port)]);
    try {
      const agent = await bench.agent();
      const target = `app.internal:${source.port}`;
      const down = (await bench.connect(agent, target)).socket;
      const before = bench.residentBytes();
      down.write("D");
      await stalls(() => sentDown);
      expect(sentDown).toBeLessThan(60 * 1_048_576);
      expect(bench.residentBytes() - before).toBeLessThan(80 * 1_048_576);
      let received = 0;
      down.on("data", (part: Buffer) => (received += part.length)).resume();
      await until(() => received === size, `all ${size} bytes`, 30_000);
      down.destroy();

      const up = (await bench.connect(agent, target)).socket;
      let sentUp = 1;
      up.write("U");
      const push = (): void => {
        while (sentUp < size / 2) {
          sentUp += chunk.length;
          if (!up.write(chunk)) return void up.once("drain", push);
        }
        up.end();
      };
      push();
      await stalls(() => sentUp);
      expect(sentUp).toBeLessThan(60 * 1_048_576);
      expect(bench.residentBytes() - before).toBeLessThan(150 * 1_048_576);
      serverSocket?.resume();
      await until(() => atServer === sentUp && sentUp > size / 2, "all bytes up", 30_000);
      up.destroy();
    } finally {
      await bench.close();
      await source.close();
    }
  }, 90_000);
});

describe.each(runtimes)("deadlines and direct mode of an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let silent: CountingServer;
  let agent: TestAgent;
  beforeAll(async () => {
    echo = await echoServer();
    silent = await countingServer((socket) => void socket.resume());
    bench = await GatewayBench.start({ runtime, limits: { idleTimeoutMs: 1_500, closingTimeoutMs: 600 } }, [serverAt(echo.port), serverAt(silent.port, { id: randomUUID() })]);
    agent = await bench.agent();
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
    await silent.close();
  });

  it("ends an idle tunnel, not a used one [T06]", async () => {
    const idle = await bench.connect(agent, `app.internal:${echo.port}`);
    const used = await bench.connect(agent, `app.internal:${echo.port}`);
    used.socket.resume();
    const timer = setInterval(() => used.socket.write("."), 300);
    idle.socket.resume();
    await until(() => idle.socket.destroyed || idle.socket.readableEnded, "the idle tunnel ended", 5_000);
    expect(used.socket.destroyed).toBe(false);
    clearInterval(timer);
    used.socket.destroy();
    await until(() => bench.tunnels.some((tunnel) => tunnel.endReason === "idle-timeout"), "its report");
  });

  it("gives a half-closed, silent tunnel the closing deadline only [S0-18]", async () => {
    const { socket } = await bench.connect(agent, `app.internal:${silent.port}`);
    const started = performance.now();
    socket.resume().end();
    await until(() => socket.destroyed, "the tunnel closed");
    expect(performance.now() - started).toBeLessThan(1_400);
    await until(() => bench.group.status().connections === 0, "the engine holds nothing of it");
  });

  it("opens TCP to the server of a direct listener as soon as the handshake is accepted, and closes refused ones without a word [S0-17]", async () => {
    const port = await freePort();
    const server = bench.snapshot.servers[0];
    if (!server) throw new Error("the bench has a server");
    const listener = { ...bench.listener, id: randomUUID(), port, mode: { kind: "direct" as const, serverId: server.id, port: echo.port } };
    bench.snapshot.listeners.push(listener);
    bench.certificates.push({ ...(bench.certificates[0] as (typeof bench.certificates)[number]), listenerId: listener.id });
    await bench.applied();
    const before = echo.accepted;
    const socket = await bench.tls(agent, { port });
    socket.end("direct bytes");
    expect((await readAll(socket)).toString()).toBe("direct bytes");
    expect(echo.accepted).toBe(before + 1);
    const from = bench.refusals.length;
    const refused = await bench.tls(undefined, { port });
    expect((await readAll(refused)).length).toBe(0);
    expect((await bench.refusal("certificate-missing", from)).listenerId).toBe(listener.id);
    expect(echo.accepted).toBe(before + 1);
    bench.snapshot.listeners.pop();
    bench.certificates.pop();
    await bench.applied();
    await expect(bench.tls(agent, { port })).rejects.toThrow();
  });
});

/** True when the bytes are a sequence of TLS records and nothing else. */
function onlyTlsRecords(bytes: Buffer): boolean {
  let at = 0;
  while (at + 5 <= bytes.length) {
    const type = bytes[at] ?? 0;
    if (type < 20 || type > 24 || bytes[at + 1] !== 3) return false;
    at += 5 + bytes.readUInt16BE(at + 3);
  }
  return at === bytes.length;
}

/** Waits until a counter has not moved for 700 ms. */
async function stalls(count: () => number): Promise<void> {
  let last = -1;
  let since = performance.now();
  await until(() => {
    if (count() !== last) {
      last = count();
      since = performance.now();
    }
    return performance.now() - since > 700;
  }, "the writer stalls", 15_000);
}
