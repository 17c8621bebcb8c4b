/** A relay in front of real gateway engines: what agents see, what the gateway knows, and what neither believes. */
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import https from "node:https";
import type net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelAlpn } from "../../contract/channel.ts";
import { ChannelClient, echoed } from "../support/channel-client.ts";
import { GatewayBench, runtimes, serverAt, type TestAgent } from "../support/gateway-bench.ts";
import { type CountingServer, echoServer, freePort, until } from "../support/sockets.ts";
import { echo } from "./support/client.ts";
import { recorder } from "./support/recorder.ts";
import { register, servingRelay, settingsFor, snapshotRelayOf } from "./support/registered.ts";
import { RelayProcess } from "./support/relay-process.ts";

async function run(file: string, args: string[], input = ""): Promise<{ code: number | null; stdout: string; stderr: string; text: string }> {
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].setEncoding("utf8").on("data", (chunk: string) => (said[name] += chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return await new Promise((resolve) => child.once("close", (code) => resolve({ code, ...said, text: said.stdout + said.stderr })));
}

const hasHaproxy = spawnSync("haproxy", ["-v"]).status === 0;

describe.each(runtimes)("a relay in front of a gateway on %s", (runtime) => {
  /** What is the relay's own doing needs one kind of gateway. */
  const once = it.skipIf(runtime !== "bun");
  let bench: GatewayBench;
  let server: CountingServer;
  let site: https.Server;
  let agent: TestAgent;
  let folder: string;
  /** What the gateway dials relays with; filled in once the organisation's CA is there. */
  const gatewayIdentity = { chainPem: "", keyPem: "", caPem: "" };
  const closing: { close(): Promise<void> }[] = [];
  const kept = <T extends { close(): Promise<void> }>(thing: T): T => {
    closing.push(thing);
    return thing;
  };
  const served = async (...given: Parameters<typeof servingRelay> extends [unknown, ...infer Rest] ? Rest : never) => {
    const made = await servingRelay(bench, ...given);
    kept(made.relay);
    return made;
  };

  beforeAll(async () => {
    server = await echoServer();
    site = https.createServer({}, (_request, response) => void response.end("the agent site answers\n"));
    bench = await GatewayBench.start({ runtime, gatewayIdentity: () => gatewayIdentity }, []);
    Object.assign(gatewayIdentity, await bench.issuing.issue({ commonName: "gw-1", usage: ["client"], uris: [bench.identity("gateway", bench.snapshot.gatewayId)] }));
    const siteCertificate = await bench.issuing.issue({ commonName: "agent site", usage: ["server"], dns: ["agents.acme.test"] });
    site.setSecureContext({ cert: siteCertificate.chainPem, key: siteCertificate.keyPem });
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    bench.snapshot.servers = [serverAt(server.port), serverAt((site.address() as net.AddressInfo).port, { name: "agent-site", isAgentSite: true, names: ["agents.acme.test"] })];
    await bench.applied();
    agent = await bench.agent();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-relay-gateway-"));
    fs.writeFileSync(path.join(folder, "agent.pem"), agent.chainPem + agent.keyPem);
  });
  afterAll(async () => {
    await Promise.all(closing.map(async (thing) => await thing.close()));
    await bench.close();
    await server.close();
    site.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it("gives openssl and curl the answers that gateway and agent site give [S4-21] [S4-22] [S4-26]", async () => {
    const { relay } = await served();
    const s_client = async (port: number, ...args: string[]) => stable(await run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost", "-cert", path.join(folder, "agent.pem"), "-key", path.join(folder, "agent.pem"), "-showcerts", ...args]));
    for (const args of [[], ["-tls1_2"], ["-tls1_1"], ["-alpn", "http/1.1"], ["-alpn", channelAlpn], ["-cipher", "AES128-SHA", "-tls1_2"], ["-groups", "P-521"]]) {
      const [through, straight] = [await s_client(relay.port, ...args), await s_client(bench.listener.port, ...args)];
      // Node destroys what a failed handshake ran over, and in a relay's session the cut overtakes the alert: refused either way, and no other difference.
      const isCut = runtime === "node" && through.includes("write:errno=104") && straight.includes("alert");
      const seen = (text: string) => (isCut ? text.replace(/\n(write:errno|:error:).*$/, "") : text);
      expect(seen(through), args.join(" ")).toBe(seen(straight));
    }
    // The proxy's own answers, a tunnel and a refused target, as curl prints them.
    const proxied = async (port: number, target: string) => {
      const { code, text } = await run("curl", ["-sv", "--max-time", "5", "--proxy", `https://localhost:${port}`, "--proxy-insecure", "--proxy-cert", path.join(folder, "agent.pem"), "--resolve", `localhost:${port}:127.0.0.1`, "-k", "--proxytunnel", target]);
      return `${code}\n${text.split("\n").filter((line) => /^[<>] /.test(line) && !/^< (date|proxy-status|sallyport-connection-id)/i.test(line)).join("\n")}`;
    };
    expect(await proxied(relay.port, "https://nowhere.internal/")).toBe(await proxied(bench.listener.port, "https://nowhere.internal/"));
    // The agent site by its own name: straight, and through the relay.
    const siteAt = async (port: number) => (await run("curl", ["-si", "--max-time", "5", "--cacert", caFile(), "--connect-to", `agents.acme.test:443:127.0.0.1:${port}`, "https://agents.acme.test/"])).text.replace(/^date:.*$/gim, "");
    const caFile = () => {
      fs.writeFileSync(path.join(folder, "ca.pem"), bench.root.certPem);
      return path.join(folder, "ca.pem");
    };
    const straight = await siteAt((site.address() as net.AddressInfo).port);
    expect(straight).toContain("the agent site answers");
    expect(await siteAt(relay.port)).toBe(straight);
  }, 45_000);

  it("carries tunnels and channels, says through which relay they came, and reports its load [S4-24] [S4-25]", async () => {
    const { relay, row } = await served({ name: "Plant" });
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port: relay.port });
    expect(tunnel.status).toBe(200);
    const bytes = randomBytes(3_000_000);
    expect((await echoed(tunnel.socket, bytes)).equals(bytes)).toBe(true);
    const path = [{ relayId: row.relayId, name: "Plant" }];
    await until(() => bench.tunnels.some((report) => report.agentId === agent.id && report.relayPath.length === 1), "the tunnel's report");
    expect(bench.tunnels.findLast((report) => report.agentId === agent.id)?.relayPath).toEqual(path);
    const channel = await ChannelClient.open(bench, agent, { tls: { port: relay.port } });
    expect(channel.answer).toMatchObject({ kind: "welcome" });
    await until(() => bench.channels.some((report) => report.agentId === agent.id), "the channel's report");
    expect(bench.channels.findLast((report) => report.agentId === agent.id)).toMatchObject({ relayPath: path, source: expect.stringContaining("127.0.0.1") });
    expect(bench.relays.findLast((report) => report.relayId === row.relayId)).toMatchObject({ state: "connected", fingerprint: row.fingerprints[0], relayPath: [], version: "0.1.0" });
    channel.close();
    tunnel.socket.destroy();
  }, 40_000);

  once("carries nothing before it is registered and confirmed, and nothing more once it is not [X4-04] [S4-34]", async () => {
    const relay = kept(await RelayProcess.start(settingsFor(bench)));
    await relay.logged(/No relay with this id is registered/);
    await relay.logged(/metricsPort/);
    const knocking = bench.tls(agent, { port: relay.port }).catch(() => undefined);
    await until(async () => (await relay.view())?.load.connections === 1, "an agent knocks");
    expect(await relay.view()).toMatchObject({ notReady: expect.stringContaining("No relay with this id"), load: { opened: 0 } });
    const row = snapshotRelayOf(relay.settings, []);
    await register(bench, row);
    await relay.logged(/nobody has confirmed its certificate yet/);
    await until(() => bench.relays.some((report) => report.relayId === row.relayId && report.state === "waiting" && report.fingerprint !== null), "the waiting relay is reported");
    const { fingerprint } = bench.relays.findLast((report) => report.relayId === row.relayId) ?? {};
    expect(fingerprint).toBe(await relay.fingerprint());
    await register(bench, { ...row, fingerprints: [fingerprint ?? ""] });
    await relay.serving();
    (await knocking)?.destroy();
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port: relay.port });
    expect(tunnel.status).toBe(200);
    await register(bench, row);
    await over(tunnel.socket);
  }, 45_000);

  once("does not let a stolen relay id serve with another key, nor disturb the relay it belongs to [T21]", async () => {
    const { relay } = await served();
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port: relay.port });
    const thief = kept(await RelayProcess.start({ ...relay.settings, listen: { address: "127.0.0.1", port: await freePort() } }));
    await thief.logged(/relay-not-confirmed/);
    expect(await thief.view()).toMatchObject({ notReady: expect.stringContaining("relay-not-confirmed"), load: { opened: 0 } });
    expect(await echo(tunnel.socket, "undisturbed")).toBe("undisturbed");
    tunnel.socket.destroy();
  }, 40_000);

  once("stands behind another relay, and the path says so from the gateway outwards [S4-35]", async () => {
    const near = await served({ name: "Near" });
    const far = await served({ name: "Far", upstreamPort: near.relay.port });
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port: far.relay.port });
    expect(tunnel.status).toBe(200);
    expect(await echo(tunnel.socket, "two deep")).toBe("two deep");
    await until(() => bench.tunnels.some((report) => report.relayPath.length === 2), "the tunnel's report");
    expect(bench.tunnels.find((report) => report.relayPath.length === 2)?.relayPath.map((hop) => hop.name)).toEqual(["Near", "Far"]);
    // The near one dies and comes back: the far one's session ends, and the agent's next connection works without anybody's help.
    const gone = over(tunnel.socket);
    await near.relay.kill();
    await gone;
    near.relay.restart();
    await near.relay.serving();
    await until(async () => (await bench.connect(agent, `app.internal:${server.port}`, { port: far.relay.port }).then((again) => again.socket.destroy() && again.status, () => 0)) === 200, "a tunnel through both again", 15_000);
  }, 40_000);

  once("loses nothing by kill -9 but the connections that ran, which come again [S4-23] [S4-30] [X4-09]", async () => {
    const { relay } = await served();
    const tunnels = await Promise.all(Array.from({ length: 20 }, async () => await bench.connect(agent, `app.internal:${server.port}`, { port: relay.port })));
    const ends = tunnels.map(async ({ socket }) => await over(socket));
    await relay.kill();
    await Promise.all(ends);
    relay.restart();
    await relay.listening();
    // At once, before the relay has its upstream again: they wait at its door.
    const again = await Promise.all(Array.from({ length: 20 }, async () => await bench.connect(agent, `app.internal:${server.port}`, { port: relay.port })));
    expect(again.map((tunnel) => tunnel.status)).toEqual(Array.from({ length: 20 }, () => 200));
    for (const { socket } of again) socket.destroy();
  }, 45_000);

  it.skipIf(!hasHaproxy || runtime !== "bun")("is one relay on two nodes behind HAProxy: one dies, and the other takes what comes [X4-02] [S4-29]", async () => {
    const one = await served();
    const { settings } = one.relay;
    const second = path.join(folder, "second");
    fs.cpSync(path.join(one.relay.folder, "key"), path.join(second, "key"), { recursive: true });
    const two = kept(await RelayProcess.start({ ...settings, listen: { ...settings.listen, port: await freePort() } }, { folder: second }));
    await two.serving();
    await until(() => new Set(bench.relays.filter((report) => report.relayId === one.row.relayId && report.state === "connected").map((report) => report.node)).size === 2, "both nodes are reported");
    const port = await freePort();
    fs.writeFileSync(path.join(folder, "haproxy.cfg"), `defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n  retries 3\n  option redispatch\nlisten relays\n  bind 127.0.0.1:${port}\n  balance roundrobin\n  server one 127.0.0.1:${one.relay.port} check inter 100\n  server two 127.0.0.1:${two.port} check inter 100\n`);
    const haproxy = spawn("haproxy", ["-f", path.join(folder, "haproxy.cfg"), "-db"], { stdio: "ignore" });
    const connect = async () => await bench.connect(agent, `app.internal:${server.port}`, { port });
    try {
      await until(async () => (await connect().then(({ status, socket }) => socket.destroy() && status, () => 0)) === 200, "HAProxy serves");
      const tunnels = await Promise.all(Array.from({ length: 10 }, connect));
      await until(async () => (await two.view())?.load.connections === 5, "half of them on each node");
      await one.relay.kill();
      const fates = await Promise.all(tunnels.map(async ({ socket }) => await echo(socket, "alive?").then(() => "alive", () => "gone")));
      expect(fates.filter((fate) => fate === "alive")).toHaveLength(5);
      const again = await Promise.all(Array.from({ length: 10 }, connect));
      expect(again.every(({ status }) => status === 200)).toBe(true);
      for (const { socket } of [...tunnels, ...again]) socket.destroy();
    } finally {
      haproxy.kill("SIGKILL");
    }
  }, 45_000);

  once("notices bytes that a relay changed, at both ends [S4-35]", async () => {
    const { relay } = await served();
    const tap = kept(await recorder({ host: "127.0.0.1", port: relay.port }));
    const from = bench.refusals.length;
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port: tap.port });
    expect(await echo(tunnel.socket, "not yet")).toBe("not yet");
    tap.alter = flipLastByte;
    const closed = over(tunnel.socket);
    tunnel.socket.write("changed on the way");
    await closed;
    // In the handshake: the certificate's proof no longer fits.
    await bench.tls(agent, { port: tap.port }).then(over, () => {});
    expect((await bench.refusal("tls-handshake-failed", from)).detail).toMatch(/handshake failed/);
  }, 40_000);

  once("shows nobody in between a target, a byte or a certificate of the agent's traffic [S4-35]", async () => {
    const behind = kept(await recorder({ host: "127.0.0.1", port: bench.listener.port }));
    const { relay } = await served({ upstreamPort: behind.port });
    const before = kept(await recorder({ host: "127.0.0.1", port: relay.port }));
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port: before.port });
    const secret = `secret-${randomBytes(12).toString("hex")}`;
    expect(await echo(tunnel.socket, secret)).toBe(secret);
    tunnel.socket.destroy();
    for (const bytes of [before.bytes(), behind.bytes()]) {
      const text = bytes.toString("latin1");
      expect(bytes.length).toBeGreaterThan(2_000);
      for (const plain of [secret, "app.internal", "CONNECT", agent.id]) expect(text).not.toContain(plain);
    }
    // Behind the relay even the names and the relay's own hello are sealed.
    for (const plain of [relay.settings.relayKey, "hello", channelAlpn, bench.organisationId]) expect(behind.bytes().toString("latin1")).not.toContain(plain);
  }, 40_000);

  it("waits for a gateway that dials it, and lets the same agents through [S4-28] [X4-05]", async () => {
    const port = await freePort();
    const settings = settingsFor(bench, { upstreams: [], listen: { address: "127.0.0.1", port } });
    const relay = kept(await RelayProcess.start(settings));
    const row = snapshotRelayOf(relay.settings, [await relay.fingerprint()], { dial: { host: "127.0.0.1", port } });
    await relay.listening();
    await register(bench, row);
    await relay.serving();
    const tunnel = await bench.connect(agent, `app.internal:${server.port}`, { port });
    expect(await echo(tunnel.socket, "one inbound rule")).toBe("one inbound rule");
    tunnel.socket.destroy();
    await relay.close();
    await until(() => bench.relays.some((report) => report.relayId === row.relayId && report.state === "failed" && /refused/.test(report.detail ?? "")), "the refused connection is reported as such", 15_000);
    bench.snapshot.relays = bench.snapshot.relays.filter((one) => one.relayId !== row.relayId);
  }, 40_000);

  it("keeps channels of agents that listen, which are TLS clients inside as everywhere [X4-01] [S4-39] [S4-40] [S4-41] [S4-42]", async () => {
    const own = await bench.root.issue({ commonName: "listening agent", usage: ["server"] });
    const seen: { hello: unknown; client?: ChannelClient }[] = [];
    const listening = tls.createServer({ cert: own.chainPem, key: own.keyPem, allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      void ChannelClient.open(bench, agent, { over: socket }).then((client) => seen.push({ hello: client.answer, client }));
    });
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const { port } = listening.address() as net.AddressInfo;
    const { relay, row } = await served({ dialNetworks: ["127.0.0.1/32"] });
    const closed = await freePort();
    await register(bench, { ...row, listeningAgents: [{ host: "127.0.0.1", port }, { host: "127.0.0.1", port: closed }] });
    await until(() => seen.length > 0, "the agent is welcomed");
    expect(seen[0]?.hello).toMatchObject({ kind: "welcome" });
    await until(() => bench.channels.some((report) => report.relayPath[0]?.relayId === row.relayId), "the channel's report");
    await until(() => bench.relays.some((report) => report.unreachable.some((one) => one.port === closed)), "the one that does not listen is reported", 15_000);
    // The relay dies and comes back; the gateway has it dial again.
    await relay.kill();
    relay.restart();
    await until(() => seen.length > 1, "a channel again", 20_000);
    for (const { client } of seen) client?.close();
    listening.close();
  }, 45_000);
});

/** Resolves when the other side has ended or cut the connection. */
async function over(socket: net.Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", resolve).once("end", resolve).resume());
  socket.destroy();
}

/** What differs from connection to connection is left out: keys, tickets (and whether they came before openssl had read its input), times, random numbers. */
function stable({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const [handshake = ""] = stdout.split("Post-Handshake");
  const said = handshake.split("\n").filter((line) => !/Session-ID|Master-Key|Resumption PSK|Start Time|TLS session ticket|^ {4}[0-9a-f]{4} - |read \d+ bytes|read R BLOCK|Timeout|connect|Max Early/i.test(line));
  const errors = stderr.match(/:error:[0-9A-F]+:[^:]+:[^:]*:[^:\n]*|^write:errno.*|^verify .*|^depth.*/gm) ?? [];
  return [said.join("\n").replace(/[-\s]+$/, ""), ...errors].join("\n");
}

function flipLastByte(chunk: Buffer): Buffer {
  const changed = Buffer.from(chunk);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}
