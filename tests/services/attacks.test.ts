/** A hostile client, a hostile member and a hostile user of the same machine against services that decrypt: what each tries, and what others must never see of it. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import tls from "node:tls";
import { describe, expect, it } from "vitest";
import { persistence } from "../../contract/persistence.ts";
import { sealMember } from "../../gateway-worker/pools/cookie.ts";
import { closing } from "../http/support/closing.ts";
import { EngineBench, offer } from "../http/support/engine-bench.ts";
import { frame, frameType, headerBlock, preface } from "../http/support/frames.ts";
import { judgeBytes } from "../http/support/judge-bytes.ts";
import { fieldsOf, RawClient } from "../http/support/raw-client.ts";
import { RecordingMember } from "../http/support/recording-member.ts";
import { until } from "../support/sockets.ts";
import { addService } from "./support/gateway.ts";
import { WatchedGateway } from "./support/watched-gateway.ts";

const closed = closing();
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const get = "GET / HTTP/1.1\r\nHost: web.example.com\r\n";
const usual: [string, string][] = [[":method", "POST"], [":scheme", "https"], [":authority", "web.example.com"], [":path", "/"]];

/** Answers every complete request. */
async function honest(): Promise<RecordingMember> {
  return closed(await RecordingMember.start((socket, bytes) => {
    const { requests } = judgeBytes(bytes);
    if (requests.length > 0 && bytes.endsWith("\r\n\r\n")) socket.write(ok);
  }));
}

async function watched(): Promise<WatchedGateway> {
  return closed(await WatchedGateway.start({ runtime: "bun" }));
}

describe("a hostile client over HTTP/2", () => {
  it("cannot make Content-Length and DATA differ, nor smuggle a request behind a body [T28] [H10]", async () => {
    const member = await honest();
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const smuggled = "GET /evil HTTP/1.1\r\nHost: web.example.com\r\n\r\n";
    const cases: [string, Buffer[]][] = [
      ["more than announced", [data("abc"), data(smuggled, true)]],
      ["more than announced, in one frame", [data(`abc${smuggled}`, true)]],
      ["less than announced", [data("ab", true)]],
      ["nothing, and trailers", [frame(frameType.headers, 5, 1, Buffer.from(headerBlock([["x-sum", "1"]]), "latin1"))]],
      ["trailers that announce a length", [data("abc"), frame(frameType.headers, 5, 1, Buffer.from(headerBlock([["content-length", "99"], ["transfer-encoding", "chunked"], ["host", "evil"], ["x-forwarded-for", "6.6.6.6"]]), "latin1"))]],
    ];
    for (const [, frames] of cases) {
      const socket = bench.connect(offered, { alpn: "h2" });
      let answered = "";
      socket.on("data", (chunk: Buffer) => (answered += chunk.toString("latin1")));
      socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0)), frame(frameType.headers, 4, 1, Buffer.from(headerBlock([...usual, ["content-length", "3"]]), "latin1")), ...frames]));
      // A reset of the stream, an answer, or the end of the connection.
      await until(() => socket.destroyed || framesOf(answered).some(({ type, stream }) => type === frameType.goaway || (stream === 1 && (type === frameType.reset || type === frameType.headers))), "there is an answer");
      socket.destroy();
    }
    for (const bytes of member.connections) {
      const judged = judgeBytes(bytes);
      expect(judged.problems).toEqual([]);
      expect(bytes).not.toMatch(/evil|6\.6\.6\.6|content-length: 99/i);
    }
  });

  function data(text: string, isLast = false): Buffer {
    return frame(frameType.data, isLast ? 1 : 0, 1, Buffer.from(text, "latin1"));
  }
});

/** The frames in what an HTTP/2 peer sent so far. */
function framesOf(bytes: string): { type: number; stream: number }[] {
  const buffer = Buffer.from(bytes, "latin1");
  const found: { type: number; stream: number }[] = [];
  for (let at = 0; at + 9 <= buffer.length; at += 9 + buffer.readUIntBE(at, 3)) found.push({ type: buffer.readUInt8(at + 3), stream: buffer.readUInt32BE(at + 5) & 0x7fffffff });
  return found;
}

describe("a hostile client over HTTP/1.1", () => {
  it("smuggles nothing behind an upgrade that was answered 200: what follows is a request like any other [T28] [T27]", async () => {
    const member = await honest();
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`${get}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\nGET /behind HTTP/1.1\r\nHost: web.example.com\r\nX-Forwarded-For: 6.6.6.6\r\nClient-Cert: :AAAA:\r\n\r\n`);
    expect((await client.response()).status).toBe(200);
    await Promise.race([client.response().catch(() => undefined), client.ended()]);
    for (const bytes of member.connections) {
      const { problems, requests } = judgeBytes(bytes);
      expect(problems).toEqual([]);
      for (const request of requests) expect(request.fields.filter(([name]) => name === "x-forwarded-for" || name === "client-cert")).toEqual([["x-forwarded-for", "192.0.2.7"]]);
    }
    expect(member.all).not.toMatch(/6\.6\.6\.6|Client-Cert/i);
  });

  it("cannot take away by Connection what the gateway says, nor say it itself in any spelling [T27]", async () => {
    const member = await honest();
    const offered = offer({ service: { forwardedHeaders: "both", clientCertificate: { demand: "optional", anchorsPem: [], forwards: true } }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered, { clientCertificate: "BBBB" }));
    const forged = ["X-Forwarded-For", "x_forwarded_for", "X-FORWARDED-PROTO", "X_Forwarded-Host", "X-Forwarded-Client-Cert", "X-Forwarded-User", "Forwarded", "Client-Cert", "Client_Cert", "Client-Cert-Chain", "X-Client-Cert", "X-SSL-Client-Cert", "SSL-Client-Cert", "SSL_CLIENT_CERT", "X-Real-IP", "True-Client-IP", "Proxy"].map((name) => `${name}: forged\r\n`).join("");
    client.write(`${get}Connection: X-Forwarded-For, Forwarded, Client-Cert, Host, Content-Length, keep-alive\r\n${forged}\r\n`);
    expect((await client.response()).status).toBe(200);
    expect(member.all).not.toMatch(/forged/);
    const [request] = judgeBytes(member.all).requests;
    expect(Object.fromEntries(request?.fields ?? [])).toMatchObject({ host: "web.example.com", "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", forwarded: "for=192.0.2.7;host=\"web.example.com\";proto=https", "client-cert": ":BBBB:" });
  });

  it("is not believed with a cookie of another service, a member that it names itself, or a hundred forged ones [T28]", async () => {
    const [first, second] = [await honest(), await honest()];
    const offered = offer({ service: { persistence: persistence.parse({ kind: "cookie-insert" }) }, pool: { scheduling: "first-alive" }, members: [{ port: first.port }, { port: second.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const wanted = offered.members[1]?.id ?? "";
    const expiresAt = Date.now() + 3_600_000;
    const foreign = sealMember(offered.service.persistenceKey, { serviceId: "00000000-0000-4000-8000-000000000000", memberId: wanted, expiresAt });
    const own = sealMember(offered.service.persistenceKey, { serviceId: offered.service.id, memberId: wanted, expiresAt });
    const flipped = `${own.slice(0, 20)}${own[20] === "A" ? "B" : "A"}${own.slice(21)}`;
    const expired = sealMember(offered.service.persistenceKey, { serviceId: offered.service.id, memberId: wanted, expiresAt: Date.now() - 1 });
    for (const value of [foreign, wanted, flipped, expired, Buffer.from(wanted).toString("base64url"), "A".repeat(71), Array.from({ length: 100 }, () => flipped).join("; sallyport=")]) {
      const client = new RawClient(bench.connect(offered));
      client.write(`${get}Cookie: sallyport=${value}\r\n\r\n`);
      const answer = await client.response();
      expect([value.slice(0, 20), answer.status, fieldsOf(answer, "Set-Cookie").length]).toEqual([value.slice(0, 20), 200, 1]);
      client.socket.destroy();
    }
    expect(second.all).toBe("");
    expect(first.all).not.toMatch(/sallyport=/);
  });
});

describe("a hostile member", () => {
  const splits: [string, string][] = [
    ["CR LF in a value, folded", "X-A: b\r\n X-Evil: 1\r\n"],
    ["a bare LF in a value", "X-A: b\nX-Evil: 1\r\n"],
    ["a bare CR in a value", "X-A: b\rX-Evil: 1\r\n"],
    ["a NUL in a value", "X-A: b\0X-Evil: 1\r\n"],
    ["a space before the colon", "X-Evil : 1\r\n"],
    ["a line without a colon", "X-Evil\r\n"],
    ["an empty name", ": X-Evil\r\n"],
  ];
  it.each(splits)("splits no response over HTTP/1.1 with %s [T30]", async (_what, lines) => {
    const member = closed(await RecordingMember.start((socket) => void socket.write(Buffer.from(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`, "latin1"))));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`${get}Connection: close\r\n\r\n`);
    const seen = await client.ended();
    expect(seen.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(seen).not.toMatch(/\nX-Evil|\rX-Evil|\0/);
  });

  it.each([
    ["a value with CR LF", [[":status", "200"], ["x-a", "b\r\nX-Evil: 1"]], []],
    ["a name with CR LF", [[":status", "200"], ["x-a\r\nx-evil", "1"]], []],
    ["a name with a colon", [[":status", "200"], ["x-evil: 1\r\nx-b", "1"]], []],
    ["a :status with more in it", [[":status", "200 OK\r\nX-Evil: 1"]], []],
    ["connection fields", [[":status", "200"], ["transfer-encoding", "chunked"], ["connection", "x"], ["x-evil", "1"]], []],
    ["trailers with CR LF", [[":status", "200"]], [["x-a", "b\r\nX-Evil: 1"], ["x-c\r\nx-evil", "1"]]],
    ["trailers that set a cookie", [[":status", "200"]], [["set-cookie", "X-Evil=1"], ["content-length", "9"]]],
  ] as [string, [string, string][], [string, string][]][])("splits no response over HTTP/2 with %s [T30] [H10]", async (_what, head, trailers) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => socket.destroy()).write(frame(frameType.settings, 0, 0, Buffer.alloc(0)));
      let bytes = "";
      let isAnswered = false;
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.toString("latin1");
        if (isAnswered || !framesOf(bytes.slice(preface.length)).some(({ type }) => type === frameType.headers)) return;
        isAnswered = true;
        const block = (fields: [string, string][]): Buffer => Buffer.from(headerBlock(fields), "latin1");
        socket.write(Buffer.concat([frame(frameType.headers, 4, 1, block(head)), frame(frameType.data, trailers.length === 0 ? 1 : 0, 1, Buffer.from("ok")), ...(trailers.length === 0 ? [] : [frame(frameType.headers, 5, 1, block(trailers))])]));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closed({ close: () => server.close() });
    const offered = offer({ service: { memberHttp: "2", limits: { responseTimeoutMs: 2_000, idleTimeoutMs: 2_000 } }, members: [{ port: (server.address() as net.AddressInfo).port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`${get}TE: trailers\r\nConnection: close, TE\r\n\r\n`);
    const seen = await client.ended();
    expect(seen.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(seen).not.toMatch(/\n(?:x-c|x-a\r)?\r?\n?X-Evil|set-cookie/i);
    // One message: what is behind its head is a body by its own framing, whole or cut off, and nothing follows.
    const [answer = "", rest = ""] = seen.split(/\r\n\r\n(.*)/s);
    if (/transfer-encoding: chunked/i.test(answer)) expect(rest).toMatch(/^(?:[0-9a-f]+\r\n[^\r\n]*\r\n)*(?:0\r\n(?:[a-z-]+: [^\r\n]*\r\n)*\r\n)?$/i);
  }, 15_000);

  const second = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Evil: 1\r\n\r\npoison";
  it.each([
    ["two answers in one segment", "GET", (socket: net.Socket) => void socket.write(ok + second)],
    ["a second answer a little later", "GET", (socket: net.Socket) => {
      socket.write(ok);
      setTimeout(() => socket.write(second), 5);
    }],
    ["a body behind the answer to HEAD that is an answer itself", "HEAD", (socket: net.Socket) => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${second.length}\r\n\r\n${second}`)],
    ["a body behind 304", "GET", (socket: net.Socket) => void socket.write(`HTTP/1.1 304 Not Modified\r\nContent-Length: ${second.length}\r\n\r\n${second}`)],
    ["a body behind 204", "GET", (socket: net.Socket) => void socket.write(`HTTP/1.1 204 None\r\n\r\n${second}`)],
    ["more body than Content-Length", "GET", (socket: net.Socket) => void socket.write(ok + "extra")],
    ["an interim answer behind the final one", "GET", (socket: net.Socket) => void socket.write(`${ok}HTTP/1.1 100 Continue\r\n\r\n`)],
  ] as [string, string, (socket: net.Socket) => void][])("reaches no other client with %s [T30]", async (_what, method, answer) => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      // The second answer leaves when it is written, not once the first was acknowledged.
      socket.setNoDelay(true);
      const last = judgeBytes(bytes).requests.at(-1);
      if (last?.line.includes("/victim")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
      else answer(socket);
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (let round = 0; round < 20; round += 1) {
      const attacker = new RawClient(bench.connect(offered));
      attacker.write(`${method} /attack HTTP/1.1\r\nHost: web.example.com\r\n\r\n`);
      // Where the bytes came with the answer, the answer may be lost with them: refuse, never repair.
      await attacker.response({ isHead: method === "HEAD" }).catch(() => undefined);
      // Bytes that nobody asked for end the connection before the next client comes.
      await until(() => member.sockets.size === 0, "the member's connection is ended");
      const victim = new RawClient(bench.connect(offered));
      victim.write("GET /victim HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
      expect([round, (await victim.response()).body]).toEqual([round, "good"]);
      expect(victim.seen).not.toMatch(/poison|X-Evil|extra/);
      attacker.socket.destroy();
      victim.socket.destroy();
    }
  });
});

describe("two services on one port, one of which demands client certificates", () => {
  type Pair = { gw: WatchedGateway; port: number; member: RecordingMember };

  /** "open" takes what the other does not list; both lead to the same member, which tells them apart by Host. */
  async function pair(more: { noName?: boolean; secretProtocol?: "tcp" | "http" } = {}): Promise<Pair> {
    const gw = await watched();
    const member = await honest();
    const both = await gw.ca.issue({ commonName: "web", dns: ["open.example.com", "secret.example.com", "*.secret.example.com", "other.example.com"], usage: ["server"] });
    const settings = { mode: "tls-offload" as const, protocol: "http" as const, certificates: [both], pool: { healthCheck: { kind: "none" as const }, members: [{ port: member.port }] } };
    const open = await addService({ snapshot: gw.snapshot }, { ...settings, name: "open", ...(more.noName ? { serverNames: ["open.example.com"], takesNoName: true } : { serverNames: [] }) });
    await addService({ snapshot: gw.snapshot }, { ...settings, name: "secret", protocol: more.secretProtocol ?? "http", port: open.port, serverNames: ["secret.example.com", "*.secret.example.com"], clientCertificate: { demand: "required", anchorsPem: [gw.ca.certPem], forwards: true } });
    await gw.apply();
    return { gw, port: open.port, member };
  }

  function connect({ gw, port }: Pair, options: tls.ConnectionOptions = {}): tls.TLSSocket {
    const socket = tls.connect({ host: "127.0.0.1", port, ca: gw.ca.certPem, checkServerIdentity: () => undefined, ALPNProtocols: ["http/1.1"], ...options });
    socket.on("error", () => socket.destroy());
    closed({ close: () => socket.destroy() });
    return socket;
  }

  it.each([
    ["the other's Host", "GET /s HTTP/1.1\r\nHost: secret.example.com\r\n\r\n"],
    ["the other's Host in capitals, with a dot and a port", "GET /s HTTP/1.1\r\nHost: SECRET.example.com.:443\r\n\r\n"],
    ["a name under the other's wildcard", "GET /s HTTP/1.1\r\nHost: a.secret.example.com\r\n\r\n"],
    ["an absolute target", "GET https://secret.example.com/s HTTP/1.1\r\nHost: secret.example.com\r\n\r\n"],
  ])("answers 421 to %s, whichever name the connection was made for [T27] [S2-11]", async (_what, request) => {
    for (const [noName, servername, secretProtocol] of [[false, "open.example.com", "http"], [false, "nobody.example.org", "http"], [false, "", "tcp"], [true, "open.example.com", "tcp"], [true, "", "http"]] as const) {
      const made = await pair({ noName, secretProtocol });
      const client = new RawClient(connect(made, { servername }));
      client.write("GET / HTTP/1.1\r\nHost: open.example.com\r\n\r\n");
      expect([servername, (await client.response()).status]).toEqual([servername, 200]);
      client.write(request);
      expect([servername, (await client.response()).status]).toEqual([servername, 421]);
      expect(made.member.all).not.toMatch(/secret/i);
    }
  }, 60_000);

  it("admits a client with its certificate only, and forwards that one [T27] [T11]", async () => {
    const made = await pair();
    const identity = await made.gw.ca.issue({ commonName: "client", usage: ["client"] });
    const request = "GET /s HTTP/1.1\r\nHost: secret.example.com\r\nClient-Cert: :AAAA:\r\n\r\n";
    const without = new RawClient(connect(made, { servername: "secret.example.com" }));
    without.write(request);
    await without.ended();
    expect([without.seen, made.member.all]).toEqual(["", ""]);
    const own = new RawClient(connect(made, { servername: "secret.example.com", cert: identity.chainPem, key: identity.keyPem }));
    own.write(request);
    expect((await own.response()).status).toBe(200);
    expect(made.member.all).toContain(`Client-Cert: :${Buffer.from(identity.certificate.rawData).toString("base64")}:`);
    await until(() => made.gw.refusals.some(({ code }) => code === "certificate-missing"), "the refusal is named");
  }, 30_000);

  it.each(["TLSv1.2", "TLSv1.3"] as const)("resumes no %s session of the one on the other [T11]", async (version) => {
    const made = await pair();
    const options = { minVersion: version, maxVersion: version };
    const first = connect(made, { servername: "open.example.com", ...options });
    const sessions: Buffer[] = [];
    first.on("session", (session: Buffer) => sessions.push(session));
    const client = new RawClient(first);
    client.write("GET / HTTP/1.1\r\nHost: open.example.com\r\n\r\n");
    expect((await client.response()).status).toBe(200);
    await until(() => sessions.length > 0, "a session can be resumed");
    // It is good for its own service ...
    const again = connect(made, { servername: "open.example.com", ...options, session: sessions[0] });
    await new Promise((resolve) => again.once("secureConnect", resolve));
    expect(again.isSessionReused()).toBe(true);
    // ... and for no other.
    const before = made.member.all;
    for (const session of sessions) {
      const socket = connect(made, { servername: "secret.example.com", ...options, session });
      let isReused = false;
      socket.once("secureConnect", () => (isReused = socket.isSessionReused()));
      const stranger = new RawClient(socket);
      stranger.write("GET /s HTTP/1.1\r\nHost: secret.example.com\r\n\r\n");
      await stranger.ended();
      expect([isReused, stranger.seen]).toEqual([false, ""]);
    }
    expect(made.member.all).toBe(before);
  }, 30_000);
});

describe("another user of the gateway's machine", () => {
  it.skipIf(process.getuid?.() !== 0)("cannot reach the socket between the engines (needs root, to be somebody else) [T26]", async () => {
    const gw = await watched();
    const member = await honest();
    const certificate = await gw.ca.issue({ dns: ["app.test"], usage: ["server"] });
    await addService({ snapshot: gw.snapshot }, { mode: "tls-offload", protocol: "http", certificates: [certificate], pool: { members: [{ port: member.port }] } });
    await gw.apply();
    const sockets = socketsOf(gw.stateDir);
    expect(sockets.length, "the HTTP engine's, and one of each stream engine for reverse access").toBeGreaterThan(1);
    for (const file of sockets) {
      expect([statSync(file).mode & 0o777, statSync(path.dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
      const tried = spawnSync(process.execPath, ["-e", "require('node:net').connect(process.argv[1]).on('error', (error) => console.log(error.code)).on('connect', function () { console.log('connected'); this.destroy(); })", file], { uid: 65_534, gid: 65_534, cwd: "/", encoding: "utf8" });
      expect(tried.stdout.trim()).toBe("EACCES");
    }
  });

  function socketsOf(directory: string): string[] {
    return readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => path.join(directory, name)).filter((file) => statSync(file).isSocket());
  }
});

describe("secrets of a snapshot", () => {
  it("never come into logs, refusals or problems, nor where others can read them [S2-19]", async () => {
    const gw = await watched();
    const member = await honest();
    const certificate = await gw.ca.issue({ dns: ["app.test"], usage: ["server"] });
    const stranger = await gw.ca.issue({ dns: ["app.test"], usage: ["server"] });
    const persistenceKey = Buffer.from("this-is-the-persistence-key-0123").toString("base64");
    const { service, port } = await addService({ snapshot: gw.snapshot }, { mode: "tls-offload", protocol: "http", persistenceKey, persistence: persistence.parse({ kind: "cookie-insert" }), certificates: [certificate], serverNames: ["app.test"], pool: { members: [{ port: member.port }] } });
    await gw.apply();
    const session = await new Promise<string>((resolve, reject) => {
      https.get({ host: "127.0.0.1", port, servername: "app.test", ca: gw.ca.certPem, agent: false, headers: { host: "app.test" } }, (response) => resolve(response.resume().headers["set-cookie"]?.[0] ?? "")).on("error", reject);
    });
    const refused: string[] = [];
    for (const broken of [{ certificates: [{ fingerprint: certificate.fingerprint, chainPem: certificate.chainPem, keyPem: stranger.keyPem }] }, { certificates: [{ fingerprint: certificate.fingerprint, chainPem: certificate.chainPem, keyPem: certificate.keyPem.slice(0, 120) }] }, { certificates: [{ fingerprint: certificate.fingerprint, chainPem: certificate.keyPem, keyPem: certificate.keyPem }] }]) {
      const kept = { ...service };
      Object.assign(service, broken);
      await gw.apply().catch((cause: unknown) => refused.push(String(cause)));
      Object.assign(service, kept);
    }
    expect(refused).toHaveLength(3);
    const told = JSON.stringify([gw.logs, gw.refusals, refused, gw.engines.status()]);
    const value = /sallyport=([^;]+)/.exec(session)?.[1] ?? "none";
    for (const secret of ["PRIVATE KEY", keyBody(certificate.keyPem), keyBody(stranger.keyPem), persistenceKey, "this-is-the-persistence-key", value]) expect(told).not.toContain(secret);
    for (const name of readdirSync(gw.stateDir, { recursive: true, encoding: "utf8" })) {
      const file = path.join(gw.stateDir, name);
      const state = statSync(file);
      if (!state.isFile()) continue;
      expect([name, state.mode & 0o077]).toEqual([name, 0]);
      expect([name, readFileSync(file, "utf8").includes("PRIVATE KEY")]).toEqual([name, false]);
    }
  }, 30_000);

  function keyBody(pem: string): string {
    return pem.split("\n")[1] ?? pem;
  }
});
