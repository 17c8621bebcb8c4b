/** `sallyport ssh-proxy` and `sallyport forward` against a console and a gateway played by the test: what is on the wire, and what people and ssh get to see. */
import { type ChildProcess, spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TestCa } from "../support/pki.ts";
import { until } from "../support/sockets.ts";

const bin = path.resolve(import.meta.dirname, "../../cli/bin.mjs");
const agentId = "6b1de0b1-54f1-4d08-9d55-0c04d7de0b11";
const key = "spk_not-for-the-command-line";
const grant = "header.claims.signature";

type Gateway = { host: string; port: number };
let console_: http.Server;
let consoleUrl: string;
let inside: tls.Server;
let closedPort: number;
let ca: TestCa;
let otherCa: TestCa;
/** What the console answers; a test may change it. */
let reply: { status: number; body: unknown };
let gateways: Gateway[];
let requests: { path: string; authorization: string | undefined; body: unknown }[] = [];
let heads: string[] = [];
/** What the gateway does once it has read the CONNECT. */
let serve: (socket: tls.TLSSocket) => void;
let lastRaw: net.Socket;

beforeAll(async () => {
  ca = await TestCa.root({ commonName: "inside" });
  otherCa = await TestCa.root({ commonName: "somebody else" });
  const certificate = await ca.issue({ dns: ["gw.test"], ips: ["127.0.0.1"], usage: ["server"] });
  inside = tls.createServer({ key: certificate.keyPem, cert: certificate.chainPem, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    let read = "";
    const onData = (chunk: Buffer): void => {
      read += chunk.toString("latin1");
      if (!read.includes("\r\n\r\n")) return;
      socket.off("data", onData);
      heads.push(read);
      serve(socket);
    };
    socket.on("data", onData);
  });
  inside.on("connection", (raw: net.Socket) => (lastRaw = raw));
  inside.on("tlsClientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
  console_ = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ path: request.url ?? "", authorization: request.headers.authorization, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(reply.status, { "content-type": "application/json" }).end(JSON.stringify(reply.body));
    });
  });
  await new Promise<void>((resolve) => console_.listen(0, "127.0.0.1", resolve));
  consoleUrl = `http://127.0.0.1:${portOf(console_)}`;
  const closed = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => closed.once("listening", resolve));
  closedPort = portOf(closed);
  await new Promise((resolve) => closed.close(resolve));
});

afterAll(() => {
  console_.close();
  inside.close();
});

beforeEach(() => {
  requests = [];
  heads = [];
  gateways = [{ host: "127.0.0.1", port: portOf(inside) }];
  answerWith(ca.certPem);
  serve = (socket) => {
    socket.write("HTTP/1.1 200 Connection established\r\nSallyport-Session-Id: x\r\n\r\nSSH-2.0-test\r\n");
    socket.pipe(socket);
  };
});

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

function answerWith(caPem: string): void {
  reply = { status: 200, body: { sessionId: "s", agent: { id: agentId, name: "laptop-7" }, target: `${agentId}.agents:22`, grant, until: new Date().toISOString(), gateways: gateways.map((gateway, index) => ({ gatewayId: `g${index}`, name: `edge${index + 1}`, ...gateway, holdsChannel: true })), caPem } };
}

function start(...args: string[]): { child: ChildProcess; out: () => string; err: () => string; over: Promise<number | null> } {
  const child = spawn(process.execPath, [bin, ...args], { env: { ...process.env, SALLYPORT_URL: consoleUrl, SALLYPORT_API_KEY: key }, stdio: "pipe" });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return { child, out: () => out, err: () => err, over: new Promise((resolve) => child.once("close", resolve)) };
}

function refuse(status: string, text: string): (socket: tls.TLSSocket) => void {
  return (socket) => socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`);
}

describe("ssh-proxy", () => {
  it("asks the console by name, takes the grant to the gateway and carries bytes both ways, with nothing else on standard output", async () => {
    const run = start("ssh-proxy", "laptop-7.field.agents", "22");
    run.child.stdin?.end("\u0000\u0001binary\r\n");
    expect(await run.over).toBe(0);
    expect([run.out(), run.err()]).toEqual(["SSH-2.0-test\r\n\u0000\u0001binary\r\n", ""]);
    expect(requests).toEqual([{ path: "/api/v1/reach-sessions", authorization: `Bearer ${key}`, body: { agent: "laptop-7.field.agents", port: 22 } }]);
    expect(heads).toEqual([`CONNECT ${agentId}.agents:22 HTTP/1.1\r\nHost: ${agentId}.agents:22\r\nProxy-Authorization: Bearer ${grant}\r\n\r\n`]);
  });

  it("carries more than any buffer holds", async () => {
    serve = (socket) => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.end(Buffer.alloc(5_000_000, "x"));
    };
    const run = start("ssh-proxy", "laptop-7", "22");
    expect(await run.over).toBe(0);
    expect(run.out().length).toBe(5_000_000);
  });

  it("tries the next gateway when one does not answer", async () => {
    gateways = [{ host: "127.0.0.1", port: closedPort }, ...gateways];
    answerWith(ca.certPem);
    const run = start("ssh-proxy", "laptop-7", "22");
    run.child.stdin?.end();
    expect([await run.over, run.out(), run.err()]).toEqual([0, "SSH-2.0-test\r\n", ""]);
  });

  const failures: { what: string; arrange: () => void; args?: string[]; says: RegExp }[] = [
    { what: "the console refuses", arrange: () => (reply = { status: 403, body: { error: { code: "reach-not-allowed", message: "No rule lets you reach port 22 of laptop-7.", fields: [], requestId: "r1" } } }), says: /^sallyport: No rule lets you reach port 22 of laptop-7\. \(reach-not-allowed\)\n$/ },
    { what: "no gateway answers", arrange: () => ((gateways = [{ host: "127.0.0.1", port: closedPort }]), answerWith(ca.certPem)), says: /^sallyport: The gateway edge1 \(127\.0\.0\.1:\d+\) cannot be asked: connect ECONNREFUSED .*\. \(gateway-unreachable\)\n$/ },
    { what: "the gateway's certificate is of another authority [T04]", arrange: () => answerWith(otherCa.certPem), says: /^sallyport: The gateway edge1 .* cannot be asked: .*certificate.*\. \(gateway-unreachable\)\n$/ },
    { what: "the gateway refuses, with a second one there that must not be bothered", arrange: () => ((gateways = [...gateways, ...gateways]), answerWith(ca.certPem), (serve = refuse("403 Forbidden", "reach-grant: The grant is used up. Open a new session.\nused at 10:00\nconnection 17\n"))), says: /^sallyport: The gateway edge1 refused: The grant is used up\. Open a new session\. used at 10:00 \(reach-grant\)\n$/ },
    { what: "the gateway answers nonsense", arrange: () => (serve = (socket) => socket.end("SSH-2.0-OpenSSH\r\n")), says: /^sallyport: The gateway edge1 closed the connection without an answer\. \(gateway-answer\)\n$/ },
    { what: "the session is cut", arrange: () => (serve = (socket) => socket.write("HTTP/1.1 200 OK\r\n\r\n", () => setTimeout(() => lastRaw.resetAndDestroy(), 50))), says: /^sallyport: The session was cut off before it was finished\. \(session-cut\)\n$/ },
    { what: "the port is none", arrange: () => {}, args: ["ssh-proxy", "laptop-7", "70000"], says: /^sallyport: "70000" is no port; write a number from 1 to 65535\. \(usage\)\n$/ },
  ];
  for (const { what, arrange, args, says } of failures) {
    it(`ends with 255, one sentence and nothing on standard output when ${what}`, async () => {
      arrange();
      const run = start(...(args ?? ["ssh-proxy", "laptop-7", "22"]));
      const code = await run.over;
      expect(run.err()).toMatch(says);
      expect([code, run.out()]).toEqual([255, ""]);
      expect(run.err()).not.toContain(key);
      expect(run.err()).not.toContain(grant);
      expect(heads.length).toBeLessThanOrEqual(1);
    });
  }
});

describe("forward", () => {
  it("says where it listens and opens one session for each connection", async () => {
    const run = start("forward", "laptop-7", "5432", "--local", "0", "--json");
    await until(() => run.out().endsWith("}\n"), "the forward says where it listens");
    const said = JSON.parse(run.out()) as { address: string; localPort: number; agent: string; port: number };
    expect(said).toMatchObject({ address: "127.0.0.1", agent: "laptop-7", port: 5_432 });
    const answers = await Promise.all(["one", "two", "three"].map(async (text) => await ask(said.localPort, text)));
    expect(answers).toEqual(["one", "two", "three"].map((text) => `SSH-2.0-test\r\n${text}`));
    expect([requests.length, heads.length]).toEqual([3, 3]);
    serve = refuse("503 Service Unavailable", "agent-away: The agent has no channel now. Try again.\nno channel\nconnection 9\n");
    await expect(ask(said.localPort, "four")).rejects.toThrow(/ECONNRESET/);
    await until(() => run.err().includes("(agent-away)"), "the refusal is said");
    run.child.kill("SIGTERM");
    await run.over;
  });

  it("refuses a local port that is taken with what to do", async () => {
    const run = start("forward", "laptop-7", "5432", "--local", String(portOf(inside)));
    expect([await run.over, run.err()]).toEqual([1, expect.stringMatching(/^sallyport: Cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*; choose another port with --local/)]);
  });
});

/** Sends the text, half-closes, and reads to the end. */
async function ask(port: number, text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
    socket.on("end", () => resolve(got)).on("error", reject);
    socket.end(text);
  });
}
