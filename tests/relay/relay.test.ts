/** The relay by itself, on both runtimes, against an upstream that does what the contract allows and what it does not. */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import type net from "node:net";
import path from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { relayDial, upstreamAlpn } from "../../contract/relay.ts";
import { readStreamHead, writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { YamuxSession, type YamuxStream } from "../../gateway-worker/net/yamux.ts";
import { type Issued, TestCa } from "../support/pki.ts";
import { freePort, until } from "../support/sockets.ts";
import { closedAfter, connectTls, echo } from "./support/client.ts";
import { RelayProcess, runtimePaths, type RuntimeName, type Settings, settingsOf } from "./support/relay-process.ts";
import { SmallUpstream, type UpstreamBehaviour } from "./support/upstream.ts";

let root: TestCa;
let certificate: Issued;
const closing: { close(): Promise<void> }[] = [];
const kept = <T extends { close(): Promise<void> }>(thing: T): T => {
  closing.push(thing);
  return thing;
};

beforeAll(async () => {
  root = await TestCa.root({ commonName: "Acme Root" });
  certificate = await root.issue({ commonName: "gw-1", usage: ["server"], dns: ["gw-1.example.test"] });
});
afterAll(async () => {
  await Promise.all(closing.map(async (thing) => await thing.close()));
});

const upstreamOf = async (behaviour: UpstreamBehaviour = {}, port = 0) => kept(await SmallUpstream.start(certificate, behaviour, port));
const pinned = (...upstreams: { port: number }[]): Settings["upstreams"] => upstreams.map(({ port }) => ({ host: "127.0.0.1", port, serverName: "gw-1.example.test", pins: [certificate.fingerprint] }));
const relayOf = async (settings: Partial<Settings>, runtime: RuntimeName = "node") => kept(await RelayProcess.start(settingsOf({ caPem: root.certPem, ...settings }), { runtime }));
const agentAt = async (relay: RelayProcess) => await connectTls(relay.port, { servername: "gw-1.example.test", ca: root.certPem });

/** A gateway that dials the relay's port; resolves with the session once the relay has said hello. */
async function dialIn(relay: RelayProcess, identity: Issued, onAgent?: (stream: YamuxStream) => void): Promise<YamuxSession> {
  const socket = await connectTls(relay.port, { cert: identity.chainPem, key: identity.keyPem, ALPNProtocols: [upstreamAlpn], rejectUnauthorized: false });
  return await new Promise<YamuxSession>((resolve, reject) => {
    const session = new YamuxSession(socket, {
      isClient: false,
      onEnd: (reason) => reject(new Error(reason)),
      onStream: (stream) => {
        void readStreamHead(stream, { timeoutMs: 3_000 }).then((head) => {
          stream.write(writeStreamHead({ kind: "accepted" }));
          if (typeof head === "object" && head !== null && "kind" in head && head.kind === "hello") resolve(session);
          else onAgent?.(stream);
        }, () => stream.destroy());
      },
    });
  });
}

async function askDial(session: YamuxSession, host: string, port: number): Promise<{ answer: unknown; stream: YamuxStream }> {
  const stream = session.open();
  stream.write(writeStreamHead(relayDial.parse({ kind: "dial", host, port, timeoutMs: 2_000 })));
  return { answer: await readStreamHead(stream, { timeoutMs: 4_000 }), stream };
}

const gatewayIdentity = (organisationId: string, kind = "gateway") => `spiffe://sallyport.internal/org/${organisationId}/${kind}/6f0f3f9e-1111-4222-8333-444455556666`;

describe.each(Object.keys(runtimePaths) as RuntimeName[])("a relay on %s", (runtime) => {
  it("carries an agent's TLS to the upstream and ends none of it [S4-21] [S4-22] [S4-26]", async () => {
    const upstream = await upstreamOf();
    const relay = await relayOf({ upstreams: pinned(upstream) }, runtime);
    await relay.serving();
    const agent = await agentAt(relay);
    expect(agent.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(certificate.fingerprint);
    expect(await echo(agent, "through the cellar")).toBe("through the cellar");
    expect(upstream.agents).toEqual([{ kind: "agent", source: "127.0.0.1", connectionId: "1" }]);
    expect(upstream.sessions[0]?.hello).toMatchObject({ relayKey: relay.settings.relayKey, organisationId: relay.settings.organisationId });
    expect(upstream.sessions[0]?.fingerprint).toBe(await relay.fingerprint());

    // Much in one direction, then a half-close that must not lose what is on its way back.
    const sent = randomBytes(6_000_000);
    let received = 0;
    agent.on("data", (chunk: Buffer) => (received += chunk.length));
    agent.end(sent);
    await new Promise((resolve) => agent.once("end", resolve));
    expect(received).toBe(sent.length);
    await until(async () => (await relay.view())?.load.connections === 0, "the relay forgets the connection");
    const view = await relay.view();
    expect(view).toMatchObject({ notReady: null, warnings: [], load: { opened: 1, refused: 0 } });
    expect(view?.load.bytesUp).toBeGreaterThan(sent.length);
  }, 40_000);

  it("lets a gateway of its organisation dial in, and nobody else [S4-28] [T21]", async () => {
    const relay = await relayOf({}, runtime);
    await relay.listening();
    const { organisationId } = relay.settings;
    const stranger = await TestCa.root({ commonName: "Other Root" });
    const refused: [Issued, RegExp][] = [
      [await stranger.issue({ uris: [gatewayIdentity(organisationId)] }), /not from the organisation's CA/],
      [await root.issue({ uris: [gatewayIdentity(organisationId, "agent")] }), /no gateway's of this organisation/],
      [await root.issue({ uris: [gatewayIdentity("0d7fae2c-1111-4222-8333-444455556666")] }), /no gateway's of this organisation/],
    ];
    for (const [identity, reason] of refused) {
      await expect(dialIn(relay, identity)).rejects.toThrow();
      await relay.logged(reason);
    }
    expect(relay.output).not.toMatch(/takes this relay's connections/);

    const inner = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem }, (socket) => void socket.on("error", () => socket.destroy()).pipe(socket));
    const session = await dialIn(relay, await root.issue({ uris: [gatewayIdentity(organisationId)] }), (stream) => void inner.emit("connection", stream));
    await relay.serving();
    const agent = await agentAt(relay);
    expect(await echo(agent, "dialled in")).toBe("dialled in");
    agent.destroy();
    session.close();
  }, 40_000);

  it("dials listening agents, and no address of its own or of the machine's neighbourhood [X4-01] [S4-39] [T02]", async () => {
    const listening = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem }, (socket) => void socket.on("error", () => socket.destroy()).pipe(socket));
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const { port } = listening.address() as net.AddressInfo;
    const closed = await freePort();
    const relay = await relayOf({ dialNetworks: ["127.0.0.1/32"] }, runtime);
    await relay.listening();
    const session = await dialIn(relay, await root.issue({ uris: [gatewayIdentity(relay.settings.organisationId)] }));
    const { answer, stream } = await askDial(session, "127.0.0.1", port);
    expect(answer).toEqual({ kind: "accepted" });
    stream.resume();
    expect(await echo(stream as unknown as net.Socket, "sealed already")).toBe("sealed already");
    expect((await askDial(session, "127.0.0.1", closed)).answer).toMatchObject({ kind: "refused", code: "relay-dial-failed", detail: expect.stringContaining("refused") });
    for (const host of ["127.0.0.2", "::1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.3"]) {
      expect((await askDial(session, host, port)).answer).toMatchObject({ kind: "refused", code: "relay-dial-failed", detail: expect.stringContaining("does not dial") });
    }
    session.close();
    listening.close();
  }, 40_000);
});

describe.concurrent("towards its upstreams", () => {
  it("goes to the next one, takes the first again when it is back, and leaves connections where they are [S4-29]", async () => {
    const first = await upstreamOf();
    const second = await upstreamOf();
    const relay = await relayOf({ upstreams: pinned(first, second) });
    await relay.logged(new RegExp(`:${first.port} takes`)).then(async () => await relay.logged(new RegExp(`:${second.port} takes`)));
    const one = await agentAt(relay);
    expect([first.agents.length, second.agents.length]).toEqual([1, 0]);
    first.sessions[0]?.yamux.goAway();
    await relay.logged(/takes no more connections/);
    await until(() => first.sessions.length === 2, "the next session with the first upstream");
    expect(await echo(one, "still here")).toBe("still here");
    await first.close();
    await until(async () => (await relay.view())?.upstreams[0]?.state === "failed", "the relay notices");
    const two = await agentAt(relay);
    expect(second.agents.length).toBe(1);
    const back = await upstreamOf({}, first.port);
    await until(async () => (await relay.view())?.upstreams[0]?.state === "serving", "the first is back");
    const three = await agentAt(relay);
    expect([back.agents.length, second.agents.length]).toEqual([1, 1]);
    expect(await echo(two, "undisturbed")).toBe("undisturbed");
    for (const socket of [one, two, three]) socket.destroy();
  }, 40_000);

  it("keeps agents waiting through a short restart of the upstream [X4-09]", async () => {
    const port = await freePort();
    const relay = await relayOf({ upstreams: pinned({ port }) });
    await relay.logged(/connection refused/);
    const agent = agentAt(relay);
    await until(async () => (await relay.view())?.load.connections === 1, "the agent's connection");
    await upstreamOf({}, port);
    expect(await echo(await agent, "patience")).toBe("patience");
    (await agent).destroy();
  }, 40_000);

  it("says hello to nobody but the pinned gateway, and says which fingerprint it met [T21]", async () => {
    const upstream = await upstreamOf();
    const relay = await relayOf({ upstreams: [{ host: "127.0.0.1", port: upstream.port, serverName: "gw-1.example.test", pins: ["ab".repeat(32)] }] });
    await relay.logged(new RegExp(`fingerprint ${certificate.fingerprint}`));
    expect(upstream.sessions.every((session) => session.hello === undefined)).toBe(true);
    const check = await relay.command("check");
    expect(check.status).toBe(1);
    expect(check.stdout).toMatch(/WRONG .* is not the upstream of the settings file/);
    expect((await relay.command("status")).stdout).toMatch(/Cellar: .* is not the upstream/);
  }, 40_000);

  it("takes chain and name where no pin is set [X4-03]", async () => {
    const upstream = await upstreamOf();
    const wanted = await relayOf({ upstreams: [{ host: "127.0.0.1", port: upstream.port, serverName: "gw-1.example.test", pins: [] }] });
    await wanted.serving();
    const wrongName = await relayOf({ upstreams: [{ host: "127.0.0.1", port: upstream.port, serverName: "gw-2.example.test", pins: [] }] });
    await wrongName.logged(/its certificate is not for gw-2\.example\.test/);
    const stranger = await TestCa.root({ commonName: "Other Root" });
    const wrongRoot = await relayOf({ caPem: stranger.certPem, upstreams: [{ host: "127.0.0.1", port: upstream.port, serverName: "gw-1.example.test", pins: [] }] });
    await wrongRoot.logged(/does not come from the organisation's CA/);
  }, 40_000);

  it("warns at each start and in its status when the upstream is not checked [X4-03]", async () => {
    const upstream = await upstreamOf();
    const relay = await relayOf({ disableUpstreamValidation: true, upstreams: [{ host: "127.0.0.1", port: upstream.port, pins: ["ab".repeat(32)] }] });
    await relay.serving();
    expect(relay.output).toMatch(/"level":"warn".*is NOT checked/);
    await relay.logged(/metricsPort/);
    expect((await relay.command("status")).stdout).toMatch(/WARNING {2}The certificate of the upstream is NOT checked/);
    const session = upstream.sessions[0]?.yamux;
    expect(session).toBeDefined();
    // It may be anybody: it is led to no computer behind the relay.
    if (session) expect((await askDial(session, "127.0.0.1", upstream.port)).answer).toMatchObject({ kind: "refused", code: "relay-dial-failed", detail: expect.stringContaining("dials nothing for it") });
  }, 40_000);

  it("says why it is refused, and serves soon after the person pressed Confirm [X4-04]", async () => {
    let isConfirmed = false;
    const upstream = await upstreamOf({ hello: () => (isConfirmed ? { kind: "accepted" } : { kind: "refused", code: "relay-not-confirmed", detail: "" }) });
    const relay = await relayOf({ upstreams: pinned(upstream) });
    await relay.logged(/nobody has confirmed its certificate yet/);
    isConfirmed = true;
    await relay.serving();
    expect(relay.output.match(/"level":"warn".*relay-not-confirmed/g)).toHaveLength(1);
  }, 40_000);

  it("offers a connection that the upstream cuts to nobody a second time [T38]", async () => {
    const upstream = await upstreamOf({ agent: () => "cut" });
    const relay = await relayOf({ upstreams: pinned(upstream) });
    await relay.serving();
    const startedMs = performance.now();
    await expect(agentAt(relay)).rejects.toThrow();
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await relay.logged(/ended the connection/);
    expect(upstream.agents).toHaveLength(1);
  }, 40_000);

  it("lets what runs finish when it is stopped, and takes nothing new [X4-09]", async () => {
    const upstream = await upstreamOf();
    const relay = await relayOf({ upstreams: pinned(upstream), drainTimeoutMs: 10_000 });
    await relay.serving();
    const agent = await agentAt(relay);
    const exit = relay.stop();
    await until(() => upstream.sessions[0]?.yamux.isPeerGoingAway === true, "the upstream is told");
    await expect(agentAt(relay)).rejects.toThrow();
    expect(await echo(agent, "last words")).toBe("last words");
    agent.destroy();
    expect(await exit).toBe(0);
  }, 40_000);
});

describe.concurrent("towards hostile clients", () => {
  it("closes what is no TLS, too slow or too many [T05] [T29] [T38]", async () => {
    const upstream = await upstreamOf();
    const relay = await relayOf({ upstreams: pinned(upstream), connectionsPerSourceMax: 40 });
    await relay.serving();
    expect(await closedAfter(relay.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toBeLessThan(2_000);
    expect(await closedAfter(relay.port, Buffer.concat([Buffer.from([22, 3, 1, 64, 0, 1, 255, 255, 255]), Buffer.alloc(100)]))).toBeLessThan(2_000);
    expect(await closedAfter(relay.port, randomBytes(70_000))).toBeLessThan(2_000);
    // A record that never ends: cut at the time limit for ClientHellos.
    const slow = Array.from({ length: 40 }, async () => await closedAfter(relay.port, Buffer.from([22, 3, 1, 2, 0, 1])));
    await until(async () => (await relay.view())?.load.connections === 40, "forty slow clients");
    expect(await closedAfter(relay.port)).toBeLessThan(1_000);
    await relay.logged(/has 40 connections already/);
    for (const ms of await Promise.all(slow)) expect(Math.abs(ms - 8_000)).toBeLessThan(1_500);
    const agent = await agentAt(relay);
    expect(await echo(agent, "served all the same")).toBe("served all the same");
    agent.destroy();
    expect(upstream.agents).toHaveLength(1);
  }, 40_000);

  it("closes agents' connections after five seconds without an upstream [S4-04]", async () => {
    const relay = await relayOf({ upstreams: pinned({ port: await freePort() }) });
    await relay.listening();
    const startedMs = performance.now();
    await expect(agentAt(relay)).rejects.toThrow();
    expect(Math.abs(performance.now() - startedMs - 5_000)).toBeLessThan(1_500);
    expect(relay.output).toMatch(/no upstream served within 5000 ms/);
  }, 40_000);

  it("lets only the networks of its settings connect [X4-10]", async () => {
    const relay = await relayOf({ sources: ["10.20.0.0/16"] });
    await relay.listening();
    expect(await closedAfter(relay.port)).toBeLessThan(1_000);
    await relay.logged(/none of the networks of \\"sources\\"/);
  }, 40_000);
});

describe.concurrent("its key", () => {
  it("is made once, for its owner only, survives kill -9, and is the same when two nodes start at once [X4-11] [S4-23] [S4-30]", async () => {
    const relay = await relayOf({ upstreams: pinned({ port: await freePort() }) });
    const file = path.join(relay.folder, "key", "relay-key.pem");
    const printed = await Promise.all([0, 1, 2].map(async () => (JSON.parse((await relay.command("id", "--json")).stdout) as { fingerprint: string }).fingerprint));
    expect(new Set(printed).size).toBe(1);
    expect((fs.statSync(file).mode & 0o777).toString(8)).toBe("600");
    await relay.listening();
    await relay.kill();
    relay.restart();
    await relay.logged(new RegExp(`"fingerprint":"${printed[0]}"`));
    expect(fs.readdirSync(relay.folder).toSorted()).toEqual(["key", "relay.json"]);
    expect(fs.readdirSync(path.dirname(file))).toEqual(["relay-key.pem"]);
    fs.chmodSync(file, 0o644);
    expect((await relay.command("id")).stderr).toMatch(/can be read by others \(mode 644\); run: chmod 600/);
    fs.chmodSync(file, 0o600);
    fs.writeFileSync(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect((await relay.command("id")).stderr).toMatch(/is damaged; copy it again from another node/);
  }, 40_000);

  it("is not asked for before the settings fit, and every field that does not is named", async () => {
    const relay = await relayOf({});
    await relay.listening();
    fs.writeFileSync(path.join(relay.folder, "relay.json"), JSON.stringify({ ...relay.settings, relayKey: "short", surplus: 1 }));
    const { status, stderr } = await relay.command("check");
    expect(status).toBe(1);
    expect(stderr).toMatch(/relayKey: a relay id has 22 to 100/);
    expect(stderr).toMatch(/surplus/);
  }, 40_000);
});
