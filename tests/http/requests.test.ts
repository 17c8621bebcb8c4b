/** Requests over HTTP/1.1: what passes unchanged, what is set anew, streaming, interim responses, trailers, upgrades. */
import { createHash, randomBytes } from "node:crypto";
import type http from "node:http";
import { describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { closing, until } from "./support/closing.ts";
import { EngineBench, offer } from "./support/engine-bench.ts";
import { startMember } from "./support/http-member.ts";
import { judgeBytes } from "./support/judge-bytes.ts";
import { fieldsOf, RawClient } from "./support/raw-client.ts";
import { RecordingMember } from "./support/recording-member.ts";

const closed = closing();
const get = "GET / HTTP/1.1\r\nHost: web.example.com\r\n";

describe("what passes", () => {
  it("passes a request and its response on, with case, order and repeated fields as they were [S3-15]", async () => {
    let seen: string[] = [];
    const { port } = closed(await startMember((request, response) => {
      seen = request.rawHeaders;
      response.writeHead(200, "Fine", ["X-First", "1", "Set-Cookie", "a=1", "x-MiXed", "2", "Set-Cookie", "b=2; Path=/", "Content-Length", "5"]);
      response.end("hello");
    }));
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write("GET /a?b=c HTTP/1.1\r\nHost: web.example.com\r\nX-OnE: 1\r\naccept: */*\r\nCookie: csrf=a==; b\r\nX-OnE: 2\r\n\r\n");
    const response = await client.response();
    expect([response.status, response.reason, response.body]).toEqual([200, "Fine", "hello"]);
    expect(response.fields.slice(0, 5)).toEqual([["X-First", "1"], ["Set-Cookie", "a=1"], ["x-MiXed", "2"], ["Set-Cookie", "b=2; Path=/"], ["Content-Length", "5"]]);
    expect(seen.slice(0, 10)).toEqual(["Host", "web.example.com", "X-OnE", "1", "accept", "*/*", "Cookie", "csrf=a==; b", "X-OnE", "2"]);
  });

  it("sets the client's address anew and never believes what the client says about itself [T27]", async () => {
    let seen: http.IncomingHttpHeaders = {};
    const { port } = closed(await startMember((request, response) => {
      seen = request.headers;
      response.end();
    }));
    const offered = offer({ service: { forwardedHeaders: "both", clientCertificate: { demand: "optional", anchorsPem: [], forwards: true } }, members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const claims = "X-Forwarded-For: 10.0.0.1\r\nX_Forwarded_For: 10.0.0.2\r\nX-Forwarded-Proto: ftp\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Anything: 1\r\nForwarded: for=10.0.0.3\r\nX-Real-IP: 10.0.0.4\r\nClient-Cert: :AAAA:\r\nClient_Cert: :AAAA:\r\nProxy: evil\r\nTE: gzip\r\nKeep-Alive: 1\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\n\r\n";
    const client = new RawClient(bench.connect(offered, { source: { address: "2001:db8::7", port: 4_000 } }));
    client.write(get + claims);
    await client.response();
    expect(seen).toEqual({ host: "web.example.com", "x-forwarded-for": "2001:db8::7", "x-forwarded-proto": "https", "x-forwarded-host": "web.example.com", forwarded: 'for="[2001:db8::7]";host="web.example.com";proto=https', connection: "keep-alive" });

    const known = new RawClient(bench.connect(offered, { clientCertificate: Buffer.from("certificate").toString("base64") }));
    known.write(`${get}Client-Cert: :AAAA:\r\nConnection: close\r\n\r\n`);
    await known.response();
    expect(seen["client-cert"]).toBe(`:${Buffer.from("certificate").toString("base64")}:`);
    expect(seen["x-forwarded-for"]).toBe("192.0.2.7");
  });

  it("forwards no client certificate unless the service asks for it [T27]", async () => {
    let seen: http.IncomingHttpHeaders = {};
    const { port } = closed(await startMember((request, response) => {
      seen = request.headers;
      response.end();
    }));
    const offered = offer({ service: { forwardedHeaders: "none", clientCertificate: { demand: "required", anchorsPem: [], forwards: false } }, members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered, { clientCertificate: "AAAA" }));
    client.write(`${get}Client-Cert: :AAAA:\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n\r\n`);
    await client.response();
    expect(seen).toEqual({ host: "web.example.com", connection: "keep-alive" });
  });

  it.each([[{ kind: "member" } as const, /^127\.0\.0\.1:\d+$/], [{ kind: "fixed", name: "inner.example.com" } as const, /^inner\.example\.com$/], [{ kind: "client" } as const, /^web\.example\.com$/]])("asks the member for the host that the service says: %o", async (memberHost, host) => {
    let seen = "";
    const { port } = closed(await startMember((request, response) => {
      seen = request.headers.host ?? "";
      response.end();
    }));
    const offered = offer({ service: { memberHost }, members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`${get}\r\n`);
    await client.response();
    expect(seen).toMatch(host);
  });

  it("answers 421 to a Host that another service must answer", async () => {
    const { port } = closed(await startMember((_request, response) => void response.end()));
    const offered = offer({ service: { serverNames: ["web.example.com", "*.apps.example.com"] }, members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    for (const [host, status] of [["web.example.com:443", 200], ["a.apps.example.com", 200], ["b.a.apps.example.com", 421], ["other.example.com", 421]] as const) {
      client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect([host, (await client.response()).status]).toEqual([host, status]);
    }
  });
});

describe("bodies", () => {
  it("streams 64 MiB up and 256 MiB down unchanged, with a reader that stalls, in little memory [H12] [S3-15]", async () => {
    const hash = createHash("sha256");
    const { port } = closed(await startMember((request, response) => {
      request.on("data", (chunk: Buffer) => hash.update(chunk));
      request.on("end", () => {
        response.writeHead(200, { "Content-Type": "application/octet-stream" });
        let left = 4_096;
        const more = (): void => {
          while (left > 0 && response.write(block)) left -= 1;
          if (left <= 0) response.end();
          else {
            left -= 1;
            response.once("drain", more);
          }
        };
        more();
      });
    }));
    const block = randomBytes(65_536);
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const before = (await bench.report()).counters.residentBytes;
    const sent = createHash("sha256");
    const socket = bench.connect(offered);
    socket.pause();
    socket.write("POST /up HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let index = 0; index < 1_024; index += 1) {
      sent.update(block);
      if (!socket.write(Buffer.concat([Buffer.from("10000\r\n"), block, Buffer.from("\r\n")]))) await new Promise((resolve) => socket.once("drain", resolve));
    }
    socket.write("0\r\n\r\n");
    // The reader stalls: what the member sends must wait in the kernel, not in the engine.
    await until("the member has answered", async () => (await bench.report()).services[0]?.responses[1] === 1, 20_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const stalled = (await bench.report()).counters.residentBytes;
    expect(stalled - before).toBeLessThan(96 * 1_048_576);
    let length = 0;
    socket.on("data", (chunk: Buffer) => (length += chunk.length));
    socket.resume();
    await until("the whole response is here", () => length > 4_096 * 65_536, 20_000);
    expect(hash.digest("hex")).toBe(sent.digest("hex"));
    socket.destroy();
  }, 60_000);

  it("passes trailers both ways, without those that may not change what the head said", async () => {
    let seen: string[] = [];
    const { port } = closed(await startMember((request, response) => {
      request.resume().on("end", () => {
        seen = request.rawTrailers;
        response.writeHead(200, { Trailer: "X-Sum" });
        response.write("body");
        response.addTrailers([["X-Sum", "1"], ["Set-Cookie", "evil=1"]]);
        response.end();
      });
    }));
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n3\r\nabc\r\n0\r\nX-Check: 2\r\nAuthorization: evil\r\nHost: evil\r\n\r\n");
    const response = await client.response();
    expect(seen).toEqual(["X-Check", "2"]);
    expect(response.trailers).toEqual([["X-Sum", "1"]]);
    expect(response.body).toBe("body");
  });

  it.each([["HEAD", 200, "10"], ["GET", 204, undefined], ["GET", 304, "10"]] as const)("knows that the response to %s with %i has no body", async (method, status, length) => {
    const { port } = closed(await startMember((_request, response) => {
      response.writeHead(status, status === 204 ? {} : { "Content-Length": "10" });
      response.end();
    }));
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    for (let index = 0; index < 2; index += 1) {
      client.write(`${method} / HTTP/1.1\r\nHost: web.example.com\r\n\r\n`);
      const response = await client.response({ isHead: method === "HEAD" });
      expect([response.status, fieldsOf(response, "Content-Length")[0], fieldsOf(response, "Transfer-Encoding")]).toEqual([status, length, []]);
    }
  });

  it("answers HEAD although the member sends a body with it, and never shows those bytes to another client [T30]", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      if (bytes.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (const method of ["HEAD", "GET", "HEAD", "GET"]) {
      const client = new RawClient(bench.connect(offered));
      client.write(`${method} / HTTP/1.1\r\nHost: web.example.com\r\n\r\n`);
      const response = await client.response({ isHead: method === "HEAD" });
      expect([method, response.status, response.body]).toEqual([method, 200, method === "HEAD" ? "" : "ok"]);
    }
  });

  it("answers requests that were sent ahead one after the other, in their order", async () => {
    let under = 0;
    let most = 0;
    const { port } = closed(await startMember((request, response) => {
      most = Math.max(most, (under += 1));
      setTimeout(() => {
        under -= 1;
        response.end(request.url);
      }, 10);
    }));
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(["/1", "/2", "/3", "/4"].map((path) => `GET ${path} HTTP/1.1\r\nHost: web.example.com\r\n\r\n`).join(""));
    const bodies = [];
    for (let index = 0; index < 4; index += 1) bodies.push((await client.response()).body);
    expect(bodies).toEqual(["/1", "/2", "/3", "/4"]);
    expect(most).toBe(1);
  });

  it("lets a client that ended its sending side read the response", async () => {
    const { port } = closed(await startMember((_request, response) => void setTimeout(() => response.end("late"), 50)));
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`${get}\r\n`);
    client.socket.end();
    expect((await client.response()).body).toBe("late");
    await client.ended();
  });

  it("cuts a response that its member cut, so that nobody takes it for a whole one [T30]", async () => {
    const member = closed(await RecordingMember.start((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
      setTimeout(() => socket.destroy(), 30);
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`${get}\r\n`);
    await expect(client.response()).rejects.toThrow("the connection ended");
    expect(client.seen).toContain("part");
  });
});

describe("interim responses", () => {
  it("hands Expect: 100-continue to the member and its answer back, before any body is sent", async () => {
    const { port, server } = closed(await startMember(() => undefined));
    server.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) => {
      setTimeout(() => {
        response.writeContinue();
        let body = "";
        request.on("data", (chunk: Buffer) => (body += chunk.toString())).on("end", () => response.end(`got ${body}`));
      }, 50);
    });
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    await until("100 Continue came", () => client.seen.includes("100 Continue\r\n\r\n"));
    client.write("body");
    const response = await client.response();
    expect([response.informs.map(({ status }) => status), response.body]).toEqual([[100], "got body"]);
  });

  it("closes after a final answer to an expectation whose body was never sent", async () => {
    const { port, server } = closed(await startMember(() => undefined));
    server.on("checkContinue", (_request: http.IncomingMessage, response: http.ServerResponse) => {
      response.writeHead(401, { Connection: "close" });
      response.end("no");
    });
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    const response = await client.response();
    expect([response.status, response.body, fieldsOf(response, "Connection")]).toEqual([401, "no", ["close"]]);
    await client.ended();
  });

  it("passes interim responses on, and gives up on a member that sends them without end [T30]", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
      if (!bytes.includes("GET /many")) return void socket.write(`${early}${early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
      const timer = setInterval(() => socket.write(early), 2);
      socket.on("close", () => clearInterval(timer));
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const few = new RawClient(bench.connect(offered));
    few.write("GET /few HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
    const response = await few.response();
    expect([response.status, response.informs]).toEqual([200, [{ status: 103, fields: [["Link", "</a>"]] }, { status: 103, fields: [["Link", "</a>"]] }]]);
    const many = new RawClient(bench.connect(offered));
    many.write("GET /many HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
    const refused = await many.response();
    expect([refused.status, refused.informs.length]).toEqual([502, 16]);
    expect(refused.body).toContain("member-response");
  });
});

describe("upgrades", () => {
  it("carries a WebSocket both ways, with bytes sent ahead of the answer", async () => {
    const { port, server } = closed(await startMember((_request, response) => void response.writeHead(404).end()));
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket) => socket.on("message", (text) => socket.send(`echo ${(text as Buffer).toString()}`)));
    const offered = offer({ members: [{ port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new WebSocket("ws://web.example.com/chat", { createConnection: () => bench.connect(offered) });
    const answers: string[] = [];
    client.on("message", (text) => answers.push((text as Buffer).toString()));
    await new Promise((resolve) => client.once("open", resolve));
    for (let index = 0; index < 100; index += 1) client.send(`${index}`);
    await until("all echoes are here", () => answers.length === 100);
    expect(answers[99]).toBe("echo 99");
    expect((await bench.report()).services[0]?.responses[0]).toBe(1);
    client.close();
    await new Promise((resolve) => client.once("close", resolve));
    await until("the member's connection is over", async () => (await bench.report()).services[0]?.members[0]?.connections === 0);
    sockets.close();
  });

  it("passes on that a member refused the upgrade, and treats any other Upgrade as an ordinary request", async () => {
    const member = closed(await startMember((request, response) => void response.writeHead(426, ["X-Upgrade", request.headers.upgrade ?? "none"]).end("no")));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (const [token, seen] of [["websocket", "websocket"], ["h2c", "none"]] as const) {
      const client = new RawClient(bench.connect(offered));
      client.write(`${get}Connection: Upgrade\r\nUpgrade: ${token}\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
      const response = await client.response();
      expect([token, response.status, response.body, fieldsOf(response, "X-Upgrade")]).toEqual([token, 426, "no", [seen]]);
    }
  });
});

describe("connections to members", () => {
  it("carries many requests on few connections, and never a second one beside a first", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      const count = judgeBytes(bytes).requests.length;
      if (bytes.endsWith("\r\n\r\n")) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(count).length}\r\n\r\n${count}`);
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (let index = 0; index < 20; index += 1) {
      const client = new RawClient(bench.connect(offered));
      client.write(`${get}\r\n`);
      await client.response();
      client.socket.destroy();
    }
    expect(member.connections).toHaveLength(1);
    expect(judgeBytes(member.all).requests).toHaveLength(20);
  });

  it("shares no connection between clients that log in their connections", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      if (!bytes.endsWith("\r\n\r\n")) return;
      socket.write(bytes.includes("NTLM") ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" : "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n");
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (const name of ["alice", "bob"]) {
      const client = new RawClient(bench.connect(offered));
      client.write(`${get}X-Client: ${name}\r\n\r\n`);
      expect((await client.response()).status).toBe(401);
      for (let index = 0; index < 3; index += 1) {
        client.write(`${get}Authorization: NTLM abc\r\nX-Client: ${name}\r\n\r\n`);
        await client.response();
      }
      client.socket.destroy();
    }
    const loggedIn = member.connections.filter((bytes) => bytes.includes("NTLM"));
    expect(loggedIn).toHaveLength(2);
    for (const bytes of loggedIn) expect(new Set(bytes.match(/X-Client: \w+/g)).size).toBe(1);
  });

  it("holds no idle connection that keeps another client from a member with a limit", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      if (bytes.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }));
    const offered = offer({ service: { sendProxy: "v2" }, members: [{ port: member.port, maxConnections: 1 }] });
    const bench = closed(await EngineBench.start([offered]));
    for (let index = 0; index < 5; index += 1) {
      const client = new RawClient(bench.connect(offered, { source: { address: `192.0.2.${index + 1}`, port: 5_000 } }));
      client.write(`${get}\r\n`);
      expect((await client.response()).status).toBe(200);
      // The client stays; its member connection is idle.
    }
    await until("one connection is left at the member", () => member.sockets.size === 1);
    expect(member.connections).toHaveLength(5);
  });

  it("gives each client's connection its own PROXY header", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      if (bytes.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }));
    const offered = offer({ service: { sendProxy: "v1" }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      const client = new RawClient(bench.connect(offered, { source: { address, port: 5_000 } }));
      for (let index = 0; index < 2; index += 1) {
        client.write(`${get}\r\n`);
        await client.response();
      }
      client.socket.destroy();
    }
    expect(member.connections.map((bytes) => bytes.split("\r\n")[0])).toEqual(["PROXY TCP4 192.0.2.1 198.51.100.1 5000 443", "PROXY TCP4 192.0.2.2 198.51.100.1 5000 443"]);
  });
});
