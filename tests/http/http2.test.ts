/** HTTP/2 to clients and to members, and what one hostile connection can do: end itself, and nothing else (T07, H7). */
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type net from "node:net";
import { describe, expect, it } from "vitest";
import { closing, until } from "./support/closing.ts";
import { EngineBench, offer } from "./support/engine-bench.ts";
import type { Offered } from "./support/engine-bench.ts";
import { frame, frameType, headerBlock, preface } from "./support/frames.ts";
import { judgeBytes } from "./support/judge-bytes.ts";
import { startMember } from "./support/http-member.ts";
import { RecordingMember } from "./support/recording-member.ts";

const closed = closing();

type Answer = { status: number; headers: http2.IncomingHttpHeaders; body: string; trailers: http2.IncomingHttpHeaders; informs: number[] };

function session(bench: EngineBench, offered: Offered): http2.ClientHttp2Session {
  const made = http2.connect("https://web.example.com", { createConnection: () => bench.connect(offered, { alpn: "h2" }) });
  made.on("error", () => undefined);
  closed({ close: () => made.destroy() });
  return made;
}

async function ask(client: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body?: (stream: http2.ClientHttp2Stream) => void): Promise<Answer> {
  const stream = client.request({ ":authority": "web.example.com", ...headers }, { endStream: body === undefined });
  const answer: Answer = { status: 0, headers: {}, body: "", trailers: {}, informs: [] };
  stream.on("response", (received) => Object.assign(answer, { status: received[":status"], headers: received }));
  stream.on("headers", (received: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader) => answer.informs.push(received[":status"] ?? 0));
  stream.on("trailers", (received) => (answer.trailers = received));
  stream.on("data", (chunk: Buffer) => (answer.body += chunk.toString()));
  body?.(stream);
  return await new Promise((resolve, reject) => stream.on("close", () => (stream.rstCode === 0 ? resolve(answer) : reject(new Error(`reset with ${stream.rstCode}`)))).on("error", () => undefined));
}

describe("requests over HTTP/2", () => {
  it("reach a member as HTTP/1.1, with one Cookie field, framing of our own and trailers both ways", async () => {
    const seen: { raw: string[]; trailers: string[]; body: string }[] = [];
    const member = closed(await startMember((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString())).on("end", () => {
        seen.push({ raw: request.rawHeaders, trailers: request.rawTrailers, body });
        if (request.method === "HEAD") return void response.end();
        response.writeHead(200, ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Twice", "1", "X-Twice", "2", "Content-Type", "a/b", "Content-Type", "c/d", "Trailer", "X-Sum", "Transfer-Encoding", "chunked"]);
        response.write(`${request.method} ${request.url}`);
        response.addTrailers([["X-Sum", "1"]]);
        response.end();
      });
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = session(bench, offered);
    const first = await ask(client, { ":path": "/a?b", cookie: ["x=1", "y=2"], te: "trailers" });
    expect([first.status, first.body, first.headers["set-cookie"], first.trailers["x-sum"]]).toEqual([200, "GET /a?b", ["a=1", "b=2"], "1"]);
    expect(seen[0]?.raw).toEqual(["Host", "web.example.com", "cookie", "x=1; y=2", "X-Forwarded-For", "192.0.2.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "web.example.com", "TE", "trailers", "Connection", "keep-alive, TE"]);
    const second = await ask(client, { ":path": "/", ":method": "POST" }, (stream) => {
      stream.write("abc");
      stream.end("def");
    });
    expect([second.status, seen[1]?.body, seen[1]?.raw.includes("Transfer-Encoding")]).toEqual([200, "abcdef", true]);
    const third = await ask(client, { ":path": "/", ":method": "POST", "content-length": "3" }, (stream) => stream.end("abc"));
    expect([third.status, seen[2]?.body, seen[2]?.raw.includes("Content-Length")]).toEqual([200, "abc", true]);
    expect((await ask(client, { ":path": "/", ":method": "HEAD" })).status).toBe(200);
  });

  it("run beside each other, and interim responses come through", async () => {
    const waiting: (() => void)[] = [];
    const member = closed(await startMember((request, response) => {
      response.writeEarlyHints({ link: "</a>; rel=preload" });
      waiting.push(() => response.end(request.url));
      if (waiting.length === 20) for (const answer of waiting.splice(0).toReversed()) answer();
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = session(bench, offered);
    const answers = await Promise.all(Array.from({ length: 20 }, async (_, index) => await ask(client, { ":path": `/${index}` })));
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, index) => `/${index}`));
    expect(answers[0]?.informs).toEqual([103]);
  });

  it("are refused when a rule of HTTP/2 is broken, each for itself, and no member hears of it [T28]", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      if (bytes.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const usual: [string, string][] = [[":method", "GET"], [":scheme", "https"], [":authority", "web.example.com"], [":path", "/"]];
    const without = (name: string): [string, string][] => usual.filter(([field]) => field !== name);
    const broken: Record<string, [string, string][]> = {
      "no :path": without(":path"),
      "no :method": without(":method"),
      "no :scheme": without(":scheme"),
      "no authority": without(":authority"),
      "an empty :path": [...without(":path"), [":path", ""]],
      "an absolute :path": [...without(":path"), [":path", "http://other/"]],
      "a space in :path": [...without(":path"), [":path", "/ HTTP/1.1\r\nX-A: b"]],
      "a fragment in :path": [...without(":path"), [":path", "/a#b"]],
      "a path without a slash": [...without(":path"), [":path", "a"]],
      "two :path": [...usual, [":path", "/b"]],
      "an unknown pseudo field": [...usual, [":proxy", "x"]],
      "a pseudo field behind a field": [[":method", "GET"], ["x-a", "b"], [":scheme", "https"], [":authority", "web.example.com"], [":path", "/"]],
      "a :status": [...usual, [":status", "200"]],
      "a :protocol": [...without(":method"), [":method", "CONNECT"], [":protocol", "websocket"]],
      CONNECT: [[":method", "CONNECT"], [":authority", "web.example.com:443"]],
      "a method with a space": [...without(":method"), [":method", "GET / HTTP/1.1"]],
      "another scheme": [...without(":scheme"), [":scheme", "gopher"]],
      "Host beside another :authority": [...usual, ["host", "other.example.com"]],
      "userinfo in :authority": [...without(":authority"), [":authority", "user@web.example.com"]],
      "Transfer-Encoding": [...usual, ["transfer-encoding", "chunked"]],
      Connection: [...usual, ["connection", "close"]],
      "Keep-Alive": [...usual, ["keep-alive", "1"]],
      "Proxy-Connection": [...usual, ["proxy-connection", "close"]],
      Upgrade: [...usual, ["upgrade", "websocket"]],
      "TE other than trailers": [...usual, ["te", "gzip"]],
      "a name in upper case": [...usual, ["X-A", "b"]],
      "an empty name": [...usual, ["", "b"]],
      "a name with a colon": [...usual, ["x:a", "b"]],
      "a name with CR LF": [...usual, ["x\r\nx-b", "b"]],
      "a value with CR LF": [...usual, ["x-a", "b\r\nx-b: c"]],
      "a value with LF": [...usual, ["x-a", "b\nc"]],
      "a value with NUL": [...usual, ["x-a", "b\0c"]],
      "a Content-Length that is no number": [...usual, ["content-length", "x"]],
      "a Content-Length without a body": [...usual, ["content-length", "5"]],
      "two Content-Lengths": [...usual, ["content-length", "0"], ["content-length", "1"]],
      "Transfer_Encoding": [...usual, ["transfer_encoding", "chunked"]],
      "101 fields": [...usual, ...Array.from({ length: 101 }, (): [string, string] => ["x-a", "b"])],
      "a head over 16 KiB": [...usual, ["x-a", "a".repeat(16_500)]],
    };
    /** The runtime leaves such a field out and says nothing about it; the request without it is complete and legal. */
    const dropped: Record<string, true> = { "an empty name": true, "a name with a colon": true, "a name with CR LF": true, "a value with CR LF": true, "a value with LF": true, "a value with NUL": true };
    const wrong: string[] = [];
    for (const [what, fields] of Object.entries(broken)) {
      const socket = bench.connect(offered, { alpn: "h2" });
      const frames = readFrames(socket);
      const block = headerBlock(fields);
      const parts = block.match(/[\s\S]{1,16000}/g)?.map((part) => Buffer.from(part, "latin1")) ?? [];
      socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0)), ...parts.map((part, index) => frame(index === 0 ? frameType.headers : frameType.continuation, (index === 0 ? 1 : 0) | (index === parts.length - 1 ? 4 : 0), 1, part))]));
      await until(`there is an answer to ${what}`, () => frames.some(({ type, stream }) => (stream === 1 && (type === frameType.reset || type === frameType.headers)) || type === frameType.goaway) || socket.destroyed);
      const head = frames.find(({ type, stream }) => type === frameType.headers && stream === 1);
      // The first byte of our answers is the indexed or literal :status; 200 is index 8.
      if (head && head.payload[0] === 0x88 && dropped[what] === undefined) wrong.push(`${what}: answered 200`);
      socket.destroy();
    }
    expect(wrong).toEqual([]);
    expect(member.all).not.toMatch(/x-[ab]\b|\0|^b/im);
    expect(judgeBytes(member.all).problems).toEqual([]);
    expect(judgeBytes(member.all).requests).toHaveLength(Object.keys(dropped).length);
  }, 60_000);

  it("are finished before a drain closes their connection, with GOAWAY at once", async () => {
    let answer: (() => void) | undefined;
    const member = closed(await startMember((_request, response) => void (answer = () => void response.end("done"))));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = session(bench, offered);
    let isAway = false;
    client.on("goaway", () => (isAway = true));
    const asked = ask(client, { ":path": "/" });
    await until("the member has it", () => answer !== undefined);
    const drained = bench.ask("drained", { kind: "drain", timeoutMs: 5_000 });
    await until("GOAWAY came", () => isAway);
    answer?.();
    expect((await asked).body).toBe("done");
    expect((await drained).tunnelsCut).toBe(0);
  });
});

describe("members that speak HTTP/2", () => {
  async function twoMember(handler: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void): Promise<{ port: number; sessions: () => number }> {
    let sessions = 0;
    const open = new Set<http2.ServerHttp2Session>();
    const server = http2.createServer();
    server.on("session", (one) => {
      sessions += 1;
      open.add(one);
    });
    server.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      handler(stream, headers);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closed({ close: () => (open.forEach((one) => one.destroy()), server.close()) });
    return { port: (server.address() as AddressInfo).port, sessions: () => sessions };
  }

  it("get many requests on one connection, from clients of both versions, with trailers", async () => {
    const member = await twoMember((stream, headers) => {
      stream.respond({ ":status": 200, "x-host": headers[":authority"], "x-connection": String(headers.connection) }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.pipe(stream);
    });
    const offered = offer({ service: { memberHttp: "2" }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = session(bench, offered);
    const first = await ask(client, { ":path": "/", ":method": "POST", te: "trailers" }, (stream) => stream.end("hello"));
    expect([first.status, first.body, first.headers["x-host"], first.headers["x-connection"], first.trailers["grpc-status"]]).toEqual([200, "hello", "web.example.com", "undefined", "0"]);
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, index) => await ask(client, { ":path": "/", ":method": "POST" }, (stream) => stream.end(`${index}`))));
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, index) => `${index}`));
    const { RawClient } = await import("./support/raw-client.ts");
    const one = new RawClient(bench.connect(offered));
    one.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    const response = await one.response();
    expect([response.status, response.body, response.trailers]).toEqual([200, "hello", [["grpc-status", "0"]]]);
    expect(member.sessions()).toBe(1);
  });

  it("fail for one request alone when they reset it, and are dialled again after they left", async () => {
    const member = await twoMember((stream, headers) => {
      if (headers[":path"] === "/reset") stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      else if (headers[":path"] === "/leave") {
        stream.respond({ ":status": 200 });
        stream.end("bye");
        stream.session?.close();
      } else {
        stream.respond({ ":status": 200 });
        stream.end("ok");
      }
    });
    const offered = offer({ service: { memberHttp: "2" }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = session(bench, offered);
    expect((await ask(client, { ":path": "/" })).body).toBe("ok");
    expect((await ask(client, { ":path": "/reset", ":method": "POST" }, (stream) => stream.end("x"))).status).toBe(502);
    expect((await ask(client, { ":path": "/" })).body).toBe("ok");
    expect((await ask(client, { ":path": "/leave" })).body).toBe("bye");
    expect((await ask(client, { ":path": "/" })).body).toBe("ok");
    expect(member.sessions()).toBe(2);
  });
});

describe("floods", () => {
  const usual: [string, string][] = [[":method", "GET"], [":scheme", "https"], [":authority", "web.example.com"], [":path", "/"]];
  const block = Buffer.from(headerBlock(usual), "latin1");
  const reset = (stream: number): Buffer => frame(frameType.reset, 0, stream, Buffer.from([0, 0, 0, 8]));
  const headers = (stream: number, isEnd = true): Buffer => frame(frameType.headers, isEnd ? 5 : 4, stream, block);
  const odd = (index: number): number => index * 2 + 1;

  const floods: Record<string, (round: number) => Buffer> = {
    "rapid reset": (round) => Buffer.concat(Array.from({ length: 100 }, (_, index) => Buffer.concat([headers(odd(round * 100 + index)), reset(odd(round * 100 + index))]))),
    PING: () => Buffer.concat(Array.from({ length: 500 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8)))),
    SETTINGS: () => Buffer.concat(Array.from({ length: 500 }, () => frame(frameType.settings, 0, 0, Buffer.alloc(0)))),
    CONTINUATION: (round) => (round === 0 ? frame(frameType.headers, 1, 1, block) : Buffer.concat(Array.from({ length: 200 }, () => frame(frameType.continuation, 0, 1, Buffer.from([0x40, 1, 0x61, 1, 0x62]))))),
    "empty CONTINUATION": (round) => (round === 0 ? frame(frameType.headers, 1, 1, block) : Buffer.concat(Array.from({ length: 500 }, () => frame(frameType.continuation, 0, 1, Buffer.alloc(0))))),
    "empty DATA": (round) => (round === 0 ? headers(1, false) : Buffer.concat(Array.from({ length: 5_000 }, () => frame(frameType.data, 0, 1, Buffer.alloc(0))))),
    PRIORITY: () => Buffer.concat(Array.from({ length: 5_000 }, (_, index) => frame(frameType.priority, 0, odd(index), Buffer.from([0, 0, 0, 0, 1])))),
    WINDOW_UPDATE: () => Buffer.concat(Array.from({ length: 5_000 }, (_, index) => frame(frameType.windowUpdate, 0, 0, Buffer.from([0, 0, 0, (index % 2) + 1])))),
    "unknown frames": () => Buffer.concat(Array.from({ length: 5_000 }, () => frame(0x42, 0, 0, Buffer.alloc(8)))),
    "malformed heads": (round) => Buffer.concat(Array.from({ length: 20 }, (_, index) => frame(frameType.headers, 5, odd(round * 20 + index), Buffer.from(headerBlock([[":method", "GET"], ["connection", "x"]]), "latin1")))),
  };

  it.each(Object.keys(floods))("ends a connection that floods with %s, while another goes on unharmed [T07] [H7]", async (name) => {
    const flood = floods[name];
    const member = closed(await startMember((_request, response) => void response.end("ok")));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const before = (await bench.report()).counters.residentBytes;
    const good = session(bench, offered);
    expect((await ask(good, { ":path": "/" })).body).toBe("ok");
    const socket = bench.connect(offered, { alpn: "h2" });
    socket.resume();
    let isGone = false;
    socket.on("close", () => (isGone = true)).on("end", () => (isGone = true));
    socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0))]));
    const begun = Date.now();
    const pump = (async () => {
      for (let round = 0; !isGone && Date.now() - begun < 15_000; round += 1) {
        if (!socket.write(flood?.(round) ?? Buffer.alloc(0))) await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
        else await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const took: number[] = [];
    while (!isGone && Date.now() - begun < 15_000) {
      const asked = performance.now();
      expect((await ask(good, { ":path": "/" })).body).toBe("ok");
      took.push(performance.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await pump;
    expect(isGone).toBe(true);
    expect(Math.max(...took, 0)).toBeLessThan(2_000);
    expect((await ask(good, { ":path": "/" })).body).toBe("ok");
    const report = await bench.report();
    expect(report.counters.residentBytes - before).toBeLessThan(96 * 1_048_576);
    socket.destroy();
    await until("only the good one is left", async () => (await bench.report()).counters.connections === 1);
  }, 40_000);

  it("closes connections that begin nothing: no preface, no request, a head without end, and silence after a request [H15] [T06]", async () => {
    const member = closed(await RecordingMember.start((one, bytes) => {
      if (bytes.endsWith("\r\n\r\n")) one.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }));
    const offered = offer({ service: { limits: { headTimeoutMs: 500, idleTimeoutMs: 1_000 } }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const greeting = Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0))]);
    const openings = [Buffer.alloc(0), preface.subarray(0, 10), greeting, Buffer.concat([greeting, frame(frameType.headers, 1, 1, block.subarray(0, 10))]), Buffer.concat([greeting, headers(1)])];
    const gone = await Promise.all(openings.map(async (opening) => {
      const socket = bench.connect(offered, { alpn: "h2" });
      socket.resume();
      if (opening.length > 0) socket.write(opening);
      const begun = performance.now();
      await new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
      socket.destroy();
      return performance.now() - begun;
    }));
    expect(Math.max(...gone)).toBeLessThan(8_000);
    expect(judgeBytes(member.all).requests).toHaveLength(1);
  });

  it("names a flood in its refusals", async () => {
    const offered = offer({ members: [{ port: 1 }] });
    const bench = closed(await EngineBench.start([offered]));
    const socket = bench.connect(offered, { alpn: "h2" });
    const frames = readFrames(socket);
    socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(0)), ...Array.from({ length: 400 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8)))]));
    await until("it is refused", async () => {
      await bench.report();
      return bench.refusals.some(({ code }) => code === "http-flood");
    });
    // ENHANCE_YOUR_CALM is 11.
    await until("GOAWAY came", () => frames.some(({ type, payload }) => type === frameType.goaway && payload.readUInt32BE(4) === 11));
  });

  it("frees what a client holds that opens streams and takes nothing: window 0, a hundred at once [T07] [H12]", async () => {
    const big = Buffer.alloc(4_194_304);
    const member = closed(await startMember((_request, response) => void response.end(big)));
    const offered = offer({ service: { limits: { bodyTimeoutMs: 1_500 } }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const before = (await bench.report()).counters.residentBytes;
    const socket = bench.connect(offered, { alpn: "h2" });
    const frames = readFrames(socket);
    socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])), ...Array.from({ length: 150 }, (_, index) => headers(odd(index)))]));
    await until("those over the limit are refused", () => frames.filter(({ type }) => type === frameType.reset).length >= 50);
    expect((await bench.report()).counters.residentBytes - before).toBeLessThan(96 * 1_048_576);
    // Nothing is taken for a second and a half: the streams end, and the members are free again.
    await until("no stream is left", async () => (await bench.report()).services[0]?.members[0]?.connections === 0, 10_000);
    socket.destroy();
  }, 30_000);
});

type Frame = { type: number; flags: number; stream: number; payload: Buffer };

function readFrames(socket: net.Socket): Frame[] {
  const frames: Frame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const length = rest.readUIntBE(0, 3);
      frames.push({ type: rest.readUInt8(3), flags: rest.readUInt8(4), stream: rest.readUInt32BE(5) & 0x7fffffff, payload: rest.subarray(9, 9 + length) });
      rest = rest.subarray(9 + length);
    }
  });
  return frames;
}
