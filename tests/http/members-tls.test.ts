/** Re-encryption towards members: verified before a byte of a request is sent, never shared across settings, with HTTP/2 where both want it. */
import http2 from "node:http2";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type net from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { TestCa } from "../support/pki.ts";
import type { Issued } from "../support/pki.ts";
import { closing } from "./support/closing.ts";
import { EngineBench, offer } from "./support/engine-bench.ts";
import type { Offered } from "./support/engine-bench.ts";
import { RawClient } from "./support/raw-client.ts";

const closed = closing();
let ca: TestCa;
let good: Issued;
let wrongName: Issued;
let foreign: Issued;

beforeAll(async () => {
  ca = await TestCa.root();
  const other = await TestCa.root();
  good = await ca.issue({ dns: ["web.example.com"], usage: ["server"] });
  wrongName = await ca.issue({ dns: ["other.example.com"], usage: ["server"] });
  foreign = await other.issue({ dns: ["web.example.com"], usage: ["server"] });
});

type Seen = { names: (string | false)[]; hosts: string[]; versions: string[]; port: number; server: https.Server | http2.Http2SecureServer };

async function member(issued: Issued, isTwo = false): Promise<Seen> {
  const seen = { names: [], hosts: [], versions: [] } as unknown as Seen;
  const listener = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void => {
    seen.hosts.push(request.headers[":authority"] ?? request.headers.host ?? "");
    seen.versions.push(request.httpVersion);
    response.end(`over ${request.httpVersion}`);
  };
  const options = { cert: issued.chainPem, key: issued.keyPem };
  const server = isTwo ? http2.createSecureServer({ ...options, allowHTTP1: true }, listener) : https.createServer(options, listener as unknown as Parameters<typeof https.createServer>[1]);
  server.on("secureConnection", (socket: { servername: string | false }) => seen.names.push(socket.servername));
  server.on("tlsClientError", () => undefined);
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closed({ close: () => (sockets.forEach((socket) => socket.destroy()), server.close()) });
  return Object.assign(seen, { port: (server.address() as AddressInfo).port, server });
}

function reencrypt(ports: number[], more: Partial<Offered["service"]> = {}): Offered {
  return offer({ service: { mode: "tls-reencrypt", memberTls: { verify: { kind: "anchors", anchorsPem: [ca.issued.certPem], name: null }, serverName: { kind: "client" } }, limits: {}, ...more }, pool: { scheduling: "first-alive" }, members: ports.map((port) => ({ port })) });
}

async function get(bench: EngineBench, offered: Offered): Promise<{ status: number; body: string }> {
  const client = new RawClient(bench.connect(offered));
  client.write("GET / HTTP/1.1\r\nHost: web.example.com\r\nConnection: close\r\n\r\n");
  return await client.response();
}

describe("members over TLS", () => {
  it("get the client's name as SNI and Host, on one connection for many clients [S2-15] [S2-19]", async () => {
    const seen = await member(good);
    const offered = reencrypt([seen.port]);
    const bench = closed(await EngineBench.start([offered]));
    for (let index = 0; index < 5; index += 1) expect(await get(bench, offered)).toMatchObject({ status: 200, body: "over 1.1" });
    expect([seen.names, new Set(seen.hosts)]).toEqual([["web.example.com"], new Set(["web.example.com"])]);
  });

  it("see nothing of a request when their certificate is not accepted: 502 that says so, and the next member is tried [S2-19] [T30]", async () => {
    const [wrong, strange, right] = [await member(wrongName), await member(foreign), await member(good)];
    const none = reencrypt([wrong.port, strange.port]);
    const one = reencrypt([wrong.port, strange.port, right.port]);
    const bench = closed(await EngineBench.start([none, one]));
    const refused = await get(bench, none);
    expect([refused.status, refused.body.split(":")[0]]).toEqual([502, "member-certificate"]);
    expect(await get(bench, one)).toMatchObject({ status: 200 });
    expect([...wrong.hosts, ...strange.hosts]).toEqual([]);
    await bench.report();
    expect(bench.refusals.find(({ code }) => code === "member-certificate")?.detail).toContain("member1: the certificate was not accepted");
  });

  it("share no connection between services that verify differently", async () => {
    const seen = await member(good);
    const verified = reencrypt([seen.port]);
    const pinned = { ...verified, service: { ...verified.service, id: crypto.randomUUID(), memberTls: { verify: { kind: "pinned" as const, fingerprints: [foreign.fingerprint] }, serverName: { kind: "client" as const } } } };
    const bench = closed(await EngineBench.start([verified, pinned]));
    expect((await get(bench, verified)).status).toBe(200);
    // The connection of the other service lies idle and would do; its member was not judged by this service's pin.
    expect((await get(bench, pinned)).status).toBe(502);
  });

  it("speak HTTP/2 where the service and the member do, HTTP/1.1 where only one does, and HTTP/1.1 for a WebSocket", async () => {
    const [both, old] = [await member(good, true), await member(good)];
    const two = reencrypt([both.port], { memberHttp: "2" });
    const fallback = reencrypt([old.port], { memberHttp: "2" });
    const bench = closed(await EngineBench.start([two, fallback]));
    const sockets = new WebSocketServer({ noServer: true });
    both.server.on("upgrade", (request: Parameters<WebSocketServer["handleUpgrade"]>[0], socket: Parameters<WebSocketServer["handleUpgrade"]>[1], first: Buffer) => sockets.handleUpgrade(request, socket, first, (opened) => opened.send("hello")));
    expect((await get(bench, two)).body).toBe("over 2.0");
    expect((await get(bench, fallback)).body).toBe("over 1.1");
    const client = new WebSocket("ws://web.example.com/", { createConnection: () => bench.connect(two) });
    const text = await new Promise<string>((resolve, reject) => client.once("message", (data) => resolve((data as Buffer).toString())).once("error", reject));
    expect(text).toBe("hello");
    client.terminate();
  });
});
