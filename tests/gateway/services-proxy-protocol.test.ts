import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readProxyHeader, writeProxyHeader } from "../../gateway-worker/net/proxy-protocol.ts";
import { GatewayBench, readAll, readAnswer, runtimes, serverAt } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import type { Issued } from "../support/pki.ts";
import { certificateOf, exchange, poolOf, serve, serviceOf, tcpTo, tlsMember, tlsTo } from "../support/service-bench.ts";
import { countingServer, echoServer, freePort, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

const balancer = { kind: "required" as const, sources: ["127.0.0.1/32"] };
const stranger = { kind: "required" as const, sources: ["203.0.113.0/24"] };
const client = { address: "198.51.100.77", port: 4_711 };
const front = { address: "192.0.2.1", port: 443 };

describe.each(runtimes)("PROXY protocol, on %s", (runtime) => {
  let bench: GatewayBench;
  let memberCa: TestCa;
  let mail: Issued;
  const closers: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    bench = await GatewayBench.start({ runtime });
    memberCa = await TestCa.root({ commonName: "Member CA" });
    mail = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"] });
  });
  afterAll(async () => await bench.close());
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const keep = <T extends { close: () => Promise<void> | void }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };
  /** Keeps everything each connection sent. */
  async function recorder(): Promise<CountingServer & { heard: Buffer[] }> {
    const heard: Buffer[] = [];
    const server = keep(await countingServer((socket) => {
      const index = heard.push(Buffer.alloc(0)) - 1;
      socket.on("data", (chunk: Buffer) => void (heard[index] = Buffer.concat([heard[index] ?? Buffer.alloc(0), chunk]))).on("end", () => socket.end("done"));
    }));
    return Object.assign(server, { heard });
  }

  it("names the client to members in version 1 and 2, before TLS where it re-encrypts [T26]", async () => {
    for (const [sendProxy, version] of [["v1", 1], ["v2", 2]] as const) {
      const member = await recorder();
      const { service } = await serve(bench, [member], "tcp", { sendProxy });
      const socket = await tcpTo(service.port);
      const port = socket.localPort;
      expect(await exchange(socket, "payload")).toBe("done");
      const header = readProxyHeader(member.heard[0] ?? Buffer.alloc(0));
      expect(header).toMatchObject({ kind: "header", version, source: { address: "127.0.0.1", port }, destination: { address: "127.0.0.1", port: service.port } });
      expect(member.heard[0]?.subarray(header.kind === "header" ? header.length : 0).toString()).toBe("payload");
    }
    const member = await recorder();
    const { service } = await serve(bench, [member], "tls-reencrypt", { sendProxy: "v2", certificates: [certificateOf(mail)], limits: { connectTimeoutMs: 300 } });
    await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), "payload");
    const header = readProxyHeader(member.heard[0] ?? Buffer.alloc(0));
    expect(header).toMatchObject({ kind: "header", version: 2, source: { address: "127.0.0.1" } });
    // What follows is a TLS record with a ClientHello.
    expect(member.heard[0]?.subarray(header.kind === "header" ? header.length : 0)[0]).toBe(0x16);
  });

  it("believes the listed balancer: members, refusals and limits see its client [T26] [S0-01]", async () => {
    for (const version of [1, 2] as const) {
      const member = await recorder();
      const { service } = await serve(bench, [member], "tcp", { acceptProxy: balancer, sendProxy: "v2" });
      const socket = await tcpTo(service.port);
      expect(await exchange(socket, Buffer.concat([writeProxyHeader({ version, source: client, destination: front }), Buffer.from("payload")]))).toBe("done");
      expect(readProxyHeader(member.heard[0] ?? Buffer.alloc(0))).toMatchObject({ source: client, destination: front });
      const passthrough = await serve(bench, [member], "tls-passthrough", { acceptProxy: balancer, serverNames: ["mail.example.com"] });
      const before = bench.refusals.length;
      const raw = await tcpTo(passthrough.service.port);
      raw.write(writeProxyHeader({ version, source: client, destination: front }));
      await expect(tlsTo(passthrough.service.port, { servername: "unknown.example.com" }, raw)).rejects.toThrow(/UNRECOGNIZED_NAME|ALERT/i);
      expect(await bench.refusal("server-name-unknown", before)).toMatchObject({ source: "198.51.100.77:4711", serverName: "unknown.example.com" });
    }
  });

  it("takes a header that comes byte by byte and TLS right behind it, in every mode [T26] [T29]", async () => {
    const member = keep(await tlsMember(await memberCa.issue({ dns: ["mail.example.com"], usage: ["server"] })));
    const plain = keep(await echoServer());
    const header = writeProxyHeader({ version: 2, source: client, destination: front });
    for (const [mode, target] of [["tls-passthrough", member], ["tls-offload", plain], ["tls-reencrypt", member]] as const) {
      const { service } = await serve(bench, [target], mode, { acceptProxy: balancer, certificates: [certificateOf(mail)], memberTls: { verify: { kind: "off" } } });
      const raw = await tcpTo(service.port);
      for (const byte of header) {
        raw.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await exchange(await tlsTo(service.port, { servername: "mail.example.com" }, raw), "hello"), mode).toBe("hello");
    }
  });

  it("refuses whoever is not listed, sends no header, or a malformed one, before a member is touched [T26]", async () => {
    const member = await recorder();
    const closed = await serve(bench, [member], "tcp", { acceptProxy: stranger });
    const open = await serve(bench, [member], "tcp", { acceptProxy: balancer, limits: { handshakeTimeoutMs: 500 } });
    const good = writeProxyHeader({ version: 2, source: client, destination: front });
    const badLength = Buffer.from(good);
    badLength.writeUInt16BE(5, 14);
    const cases: [number, Buffer, string][] = [
      [closed.service.port, good, "proxy-header-untrusted"],
      [open.service.port, Buffer.from("GET / HTTP/1.1\r\n\r\n"), "proxy-header-missing"],
      [open.service.port, Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n"), "proxy-header-invalid"],
      [open.service.port, badLength, "proxy-header-invalid"],
      [open.service.port, Buffer.concat([good, good]), "proxy-header-invalid"],
    ];
    for (const [port, bytes, code] of cases) {
      const before = bench.refusals.length;
      const socket = await tcpTo(port);
      socket.write(bytes);
      expect(await readAll(socket), code).toHaveLength(0);
      await bench.refusal(code as "proxy-header-missing", before);
    }
    const before = bench.refusals.length;
    expect(await readAll(await tcpTo(open.service.port))).toHaveLength(0);
    expect((await bench.refusal("proxy-header-missing", before)).detail).toContain("500 ms");
    expect(member.accepted).toBe(0);
  });

  it("lets nobody but the balancer open a handshake with a tunnel listener that expects headers [T26] [S0-01]", async () => {
    const tunnel = keep(await GatewayBench.start({ runtime, limits: { handshakeTimeoutMs: 500 } }));
    tunnel.listener.acceptProxy = balancer;
    await tunnel.applied();
    const agent = await tunnel.agent();
    for (const [bytes, code] of [[Buffer.from("\x16\x03\x01\x00\x05hello"), "proxy-header-missing"], [Buffer.from("PROXY NONSENSE\r\n"), "proxy-header-invalid"], [Buffer.from("PROXY TCP4 198.51."), "proxy-header-missing"]] as const) {
      const before = tunnel.refusals.length;
      const socket = await tcpTo(tunnel.listener.port);
      socket.write(bytes);
      expect(await readAll(socket)).toHaveLength(0);
      await tunnel.refusal(code, before);
    }
    await expect(tunnel.tls(agent)).rejects.toThrow();
    // Back to direct connections, and to another list, without a restart.
    tunnel.listener.acceptProxy = { kind: "off" };
    await tunnel.applied();
    expect((await tunnel.connect(agent, "nowhere.internal:1")).status).toBe(403);
  });

  it("takes bytes that look like a header for payload where the service expects none [T26]", async () => {
    const member = await recorder();
    const { service } = await serve(bench, [member], "tcp");
    const text = "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello";
    await exchange(await tcpTo(service.port), text);
    expect(member.heard[0]?.toString()).toBe(text);
  });

  it("keeps clients of one address on one member by what the balancer says [T26] [S3-41]", async () => {
    const members = [keep(await countingServer((socket) => void socket.end("a"))), keep(await countingServer((socket) => void socket.end("b")))];
    const { service } = await serve(bench, members, "tcp", { acceptProxy: balancer, persistence: { kind: "source-address", prefix4: 32, prefix6: 64, idleSeconds: 60 }, pool: { scheduling: "round-robin" } });
    const seen = new Map<string, Set<string>>();
    for (let round = 0; round < 4; round += 1) {
      for (let host = 1; host <= 12; host += 1) {
        const address = `198.51.100.${host}`;
        const answer = await exchange(await tcpTo(service.port), writeProxyHeader({ version: 2, source: { address, port: 1_000 + round }, destination: front }));
        seen.set(address, (seen.get(address) ?? new Set()).add(answer));
      }
    }
    expect([...seen.values()].every((answers) => answers.size === 1)).toBe(true);
    expect(new Set([...seen.values()].flatMap((answers) => [...answers])).size).toBe(2);
  });

  it("lets a pass-through service of one gateway stand before the tunnel listener of another: agents work and keep their address [S0-01] [S3-08]", async () => {
    const tunnel = keep(await GatewayBench.start({ runtime }));
    const app = keep(await echoServer());
    tunnel.snapshot.servers = [serverAt(app.port)];
    tunnel.listener.acceptProxy = balancer;
    await tunnel.applied();
    const port = await freePort();
    const pool = poolOf([{ port: tunnel.listener.port }]);
    const service = serviceOf(pool, port, "tls-passthrough", { sendProxy: "v2", acceptProxy: balancer });
    bench.snapshot.pools.push(pool);
    bench.snapshot.virtualServices.push(service);
    await bench.applied();
    const agent = await tunnel.agent();
    const open = async (source: { address: string; port: number }) => {
      const raw = await tcpTo(port);
      raw.write(writeProxyHeader({ version: 2, source, destination: front }));
      const socket = await tlsTo(port, { servername: "localhost", cert: agent.chainPem, key: agent.keyPem }, raw);
      socket.write(`CONNECT app.internal:${app.port} HTTP/1.1\r\nHost: app.internal\r\n\r\n`);
      return await readAnswer(socket);
    };
    const tunnels = await Promise.all(Array.from({ length: 40 }, async (_, index) => await open({ address: "198.51.100.9", port: 10_000 + index })));
    expect(tunnels.map(({ status }) => status)).toEqual(tunnels.map(() => 200));
    const block = Buffer.alloc(300_000, "x");
    for (const { socket } of tunnels) expect((await exchange(socket, block)).length).toBe(block.length);
    await until(() => tunnel.tunnels.some(({ source }) => source.startsWith("198.51.100.9:")), "the tunnel's report names the agent's own address");
    // Revoking ends what runs through the chain, and the refusal names the agent's address too.
    const last = await open({ address: "198.51.100.10", port: 9 });
    const ended = readAll(last.socket);
    await tunnel.revoke(agent);
    await ended;
    expect((await open({ address: "198.51.100.11", port: 9 })).status).toBe(403);
    expect((await tunnel.refusal("agent-revoked")).source).toBe("198.51.100.11:9");
    // Nobody reaches the tunnel listener past the balancer's word.
    const before = tunnel.refusals.length;
    tunnel.listener.acceptProxy = stranger;
    await tunnel.applied();
    const direct = await tcpTo(tunnel.listener.port);
    expect(await readAll(direct)).toHaveLength(0);
    await tunnel.refusal("proxy-header-untrusted", before);
  });
});
