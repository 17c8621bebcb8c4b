/** Bounds of size and time, slow clients, retries, and members that misbehave. */
import { describe, expect, it } from "vitest";
import { closing, until } from "./support/closing.ts";
import { EngineBench, offer, snapshotOf } from "./support/engine-bench.ts";
import { startMember } from "./support/http-member.ts";
import { judgeBytes } from "./support/judge-bytes.ts";
import { fieldsOf, RawClient } from "./support/raw-client.ts";
import { RecordingMember } from "./support/recording-member.ts";

const closed = closing();
const get = "GET / HTTP/1.1\r\nHost: web.example.com\r\n\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/** A port on which nothing listens. */
const deadPort = 1;

async function answering(): Promise<RecordingMember> {
  return closed(await RecordingMember.start((socket, bytes) => {
    if (bytes.endsWith("\r\n\r\n")) socket.write(ok);
  }));
}

describe("sizes", () => {
  it.each([["16 KiB", `X-A: ${"a".repeat(16_400)}\r\n`], ["100 fields", "X-A: a\r\n".repeat(101)]])("answers 431 to a head over %s, and no member hears of it", async (_bound, fields) => {
    const member = await answering();
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(`GET / HTTP/1.1\r\nHost: web.example.com\r\n${fields}\r\n`);
    const response = await client.response();
    expect([response.status, response.body.split(":")[0], fieldsOf(response, "Proxy-Status")]).toEqual([431, "http-head-too-large", ['sallyport; error=http_request_error; details="http-head-too-large"']]);
    await client.ended();
    expect(member.connections).toHaveLength(0);
  });

  it("answers 413 to a body over the service's limit, told beforehand or found out", async () => {
    const member = closed(await startMember((request, response) => void request.resume().on("end", () => response.end("ok"))));
    const offered = offer({ service: { limits: { bodyBytesMax: 1_000 } }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const told = new RawClient(bench.connect(offered));
    told.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 1001\r\n\r\n");
    expect((await told.response()).status).toBe(413);
    await told.ended();
    const found = new RawClient(bench.connect(offered));
    found.write(`POST / HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n${"a".repeat(1_000)}\r\n`);
    found.write("1\r\na\r\n");
    expect((await found.response()).status).toBe(413);
    await found.ended();
    const fits = new RawClient(bench.connect(offered));
    fits.write(`POST / HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 1000\r\n\r\n${"a".repeat(1_000)}`);
    expect((await fits.response()).status).toBe(200);
  });

  it("refuses a member's head without end [T30]", async () => {
    const member = closed(await RecordingMember.start((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const timer = setInterval(() => socket.write(`X-A: ${"a".repeat(4_000)}\r\n`), 1);
      socket.on("close", () => clearInterval(timer));
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(get);
    const response = await client.response();
    expect([response.status, response.body.split(":")[0]]).toEqual([502, "member-response"]);
  });

  it.each([["both lengths", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], ["two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"], ["an encoding besides chunked", "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], ["a bare LF", "X-A: a\nX-B: b\r\nContent-Length: 2\r\n\r\nok"], ["NUL in a value", "X-A: \0\r\nContent-Length: 2\r\n\r\nok"], ["a folded value", "X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok"]])("refuses a member's response with %s [T30]", async (_what, rest) => {
    const member = closed(await RecordingMember.start((socket) => void socket.write(Buffer.from(`HTTP/1.1 200 OK\r\n${rest}`, "latin1"))));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(get);
    const response = await client.response();
    expect([response.status, response.body.split(":")[0]]).toEqual([502, "member-response"]);
  });
});

describe("deadlines", () => {
  it("gives up on a head, on a body and on silence between requests, each in its own time [H15]", async () => {
    const member = closed(await startMember((request, response) => void request.resume().on("end", () => response.end("ok"))));
    const offered = offer({ service: { limits: { headTimeoutMs: 500, bodyTimeoutMs: 600, idleTimeoutMs: 1_000 } }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const head = new RawClient(bench.connect(offered));
    head.write("GET / HTTP/1.1\r\nHost: web");
    expect((await head.response()).status).toBe(408);
    const silent = new RawClient(bench.connect(offered));
    // A browser opened it ahead of need: closed without an answer that it could take for another's.
    expect(await silent.ended()).toBe("");
    const body = new RawClient(bench.connect(offered));
    body.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 10\r\n\r\nabc");
    const late = await body.response();
    expect([late.status, late.body.split(":")[0]]).toEqual([408, "http-timeout"]);
    const idle = new RawClient(bench.connect(offered));
    idle.write(get);
    expect((await idle.response()).status).toBe(200);
    await idle.ended();
  });

  it("answers 504 for a member that says nothing, and cuts a client that stops reading [T30] [H15]", async () => {
    const black = closed(await RecordingMember.start());
    const endless = closed(await startMember((_request, response) => {
      const block = Buffer.alloc(65_536);
      const more = (): void => {
        while (!response.destroyed && response.write(block)) continue;
      };
      response.on("drain", more);
      more();
    }));
    const silent = offer({ service: { limits: { responseTimeoutMs: 600 } }, members: [{ port: black.port }] });
    const stalled = offer({ service: { limits: { bodyTimeoutMs: 700 } }, members: [{ port: endless.port }] });
    const bench = closed(await EngineBench.start([silent, stalled]));
    const client = new RawClient(bench.connect(silent));
    client.write(get);
    const response = await client.response();
    expect([response.status, response.body.split(":")[0]]).toEqual([504, "member-timeout"]);
    await until("the member's connection is gone", () => black.sockets.size === 0);
    const reader = bench.connect(stalled);
    reader.pause();
    reader.write(get);
    await until("the reader is cut", async () => (await bench.report()).services.some(({ serviceId, members, requests }) => serviceId === stalled.service.id && requests === 1 && members[0]?.connections === 0), 10_000);
  });

  it("dials no member for 400 slow heads, and answers a good client among them at once [T06] [H15]", async () => {
    const member = await answering();
    const offered = offer({ service: { limits: { headTimeoutMs: 5_000 } }, members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const slow = Array.from({ length: 400 }, (_, index) => {
      const client = new RawClient(bench.connect(offered));
      client.write(index % 2 === 0 ? "GET / HTTP/1.1\r\nHost: web.example.com\r\nX-A: " : "G");
      return client;
    });
    const drip = setInterval(() => slow.forEach((client) => client.write("a")), 200);
    await until("all are there", async () => (await bench.report()).counters.connections === 400);
    const took: number[] = [];
    for (let index = 0; index < 50; index += 1) {
      const begun = performance.now();
      const good = new RawClient(bench.connect(offered));
      good.write(get);
      expect((await good.response()).status).toBe(200);
      took.push(performance.now() - begun);
      good.socket.destroy();
    }
    expect(took.toSorted((left, right) => left - right)[47]).toBeLessThan(500);
    expect(judgeBytes(member.all).requests).toHaveLength(50);
    await until("the slow ones are turned away", async () => (await bench.report()).counters.connections === 0, 12_000);
    clearInterval(drip);
    expect(member.connections.join("")).not.toContain("X-A");
  }, 40_000);

  it("holds few bytes for 400 slow readers and still answers a good client at once [T06] [H15] [H12]", async () => {
    const block = Buffer.alloc(1_048_576);
    const member = closed(await startMember((request, response) => void response.end(request.url === "/big" ? block : "ok")));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const before = (await bench.report()).counters.residentBytes;
    const slow = Array.from({ length: 400 }, () => {
      const socket = bench.connect(offered);
      socket.pause();
      socket.write("GET /big HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
      return socket;
    });
    await until("all are answered", async () => (await bench.report()).services[0]?.responses[1] === 400, 20_000);
    const good = new RawClient(bench.connect(offered));
    good.write(get);
    expect((await good.response()).body).toBe("ok");
    // 400 MiB would be all of it; sockets and stream buffers hold some 200 KiB each.
    expect((await bench.report()).counters.residentBytes - before).toBeLessThan(160 * 1_048_576);
    for (const socket of slow) socket.destroy();
  }, 40_000);
});

describe("retries", () => {
  it("goes to the next member when the first cannot be dialled, with a body too, because nothing of it was sent [T30]", async () => {
    const member = closed(await startMember((request, response) => void request.pipe(response)));
    const offered = offer({ pool: { scheduling: "first-alive" }, members: [{ port: deadPort }, { port: deadPort }, { port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write("POST / HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 4\r\n\r\nbody");
    expect((await client.response()).body).toBe("body");
    const report = await bench.report();
    const dials = bench.reports.flatMap((one) => one.dials);
    expect(dials.filter(({ failed }) => failed > 0).map(({ memberId }) => memberId).toSorted()).toEqual(offered.members.slice(0, 2).map(({ id }) => id).toSorted());
    expect(report.services[0]?.members.map(({ failed }) => failed)).toEqual([1, 1, 0]);
  });

  it("says 503 with Retry-After when all members are down, by verdict or by dial", async () => {
    const offered = offer({ members: [{ port: deadPort }, { port: deadPort }] });
    const bench = closed(await EngineBench.start([offered]));
    for (const isMarked of [false, true]) {
      if (isMarked) bench.send({ kind: "members", verdicts: offered.members.map(({ id }) => ({ memberId: id, isUp: false, elsewhere: 0 })), actives: [], isFull: true });
      const client = new RawClient(bench.connect(offered));
      client.write(get);
      const response = await client.response();
      expect([response.status, response.body.split(":")[0], fieldsOf(response, "Retry-After"), fieldsOf(response, "Proxy-Status")]).toEqual([503, "service-no-member", ["10"], ['sallyport; error=destination_unavailable; details="service-no-member"']]);
    }
    await until("the refusals are reported", () => bench.refusals.filter(({ code }) => code === "service-no-member").length > 0);
    expect(bench.refusals[0]).toMatchObject({ source: "192.0.2.7:40000", serverName: "web.example.com", target: "web.example.com" });
  });

  /** Answers the first request of a connection; ends the connection when the second comes. */
  async function fickle(): Promise<RecordingMember> {
    return closed(await RecordingMember.start((socket, bytes) => {
      const { requests, hasPartial } = judgeBytes(bytes);
      if (requests.length === 1 && !hasPartial) socket.write(ok);
      else if (requests.length > 1) socket.destroy();
    }));
  }

  it("repeats a GET once when the reused connection died under it [T30]", async () => {
    const member = await fickle();
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    for (let index = 0; index < 6; index += 1) {
      client.write(get);
      expect((await client.response()).status).toBe(200);
    }
  });

  it("never repeats a request that changes something, nor one whose body has begun [T30]", async () => {
    const member = await fickle();
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    for (const request of ["POST /once HTTP/1.1\r\nHost: web.example.com\r\n\r\n", "POST /once HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 2\r\n\r\nab", "PUT /once HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 2\r\n\r\nab"]) {
      const before = member.all.split("/once").length - 1;
      const client = new RawClient(bench.connect(offered));
      client.write(get);
      await client.response();
      client.write(request);
      const response = await client.response();
      expect([response.status, response.body.split(":")[0]]).toEqual([502, "member-closed"]);
      expect(member.all.split("/once").length - 1).toBe(before + 1);
      client.socket.destroy();
    }
  });

  it("never repeats on a connection that was new: the member may have acted on it [T30]", async () => {
    const member = closed(await RecordingMember.start((socket, bytes) => {
      if (bytes.endsWith("\r\n\r\n")) socket.destroy();
    }));
    const offered = offer({ members: [{ port: member.port }, { port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const client = new RawClient(bench.connect(offered));
    client.write(get);
    expect((await client.response()).status).toBe(502);
    expect(member.connections).toHaveLength(1);
  });
});

describe("changes", () => {
  it("finishes a request with the settings it began with, and gives the next one the new ones", async () => {
    let release: (() => void) | undefined;
    const one = closed(await startMember((request, response) => {
      if (request.url === "/slow") release = () => void response.end(`one ${request.headers.host}`);
      else response.end(`one ${request.headers.host}`);
    }));
    const two = closed(await startMember((request, response) => void response.end(`two ${request.headers.host}`)));
    const before = offer({ members: [{ port: one.port }] });
    const bench = closed(await EngineBench.start([before]));
    const client = new RawClient(bench.connect(before));
    client.write("GET /slow HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
    await until("the member has it", () => release !== undefined);
    const after = { service: { ...before.service, memberHost: { kind: "fixed" as const, name: "inner" } }, pool: { ...before.pool, members: before.members.map((member) => ({ ...member, port: two.port })) }, members: before.members };
    await bench.apply([after], 2);
    release?.();
    expect((await client.response()).body).toBe("one web.example.com");
    client.write(get);
    expect((await client.response()).body).toBe("two inner");
    expect((await bench.report()).revision).toBe(2);
  });

  it("refuses a socket that cannot be bound, and goes on with what was in force", async () => {
    const member = await answering();
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const prepared = await bench.ask("prepared", { kind: "prepare", snapshot: snapshotOf([offered], 2), certificates: [], httpSocket: `${bench.directory}/missing/http.sock` });
    expect(prepared.problems.map(({ code }) => code)).toEqual(["listener-bind"]);
    expect((await bench.ask("committed", { kind: "commit", prepared: prepared.id })).revision).toBe(1);
    const client = new RawClient(bench.connect(offered));
    client.write(get);
    expect((await client.response()).status).toBe(200);
  });

  it("drains: answers what is under way, closes what is idle, and cuts the rest when the time is over", async () => {
    const releases: (() => void)[] = [];
    const member = closed(await startMember((request, response) => {
      if (request.url === "/slow") releases.push(() => void response.end("done"));
      else if (request.url !== "/never") response.end("ok");
    }));
    const offered = offer({ members: [{ port: member.port }] });
    const bench = closed(await EngineBench.start([offered]));
    const [idle, slow, never] = [new RawClient(bench.connect(offered)), new RawClient(bench.connect(offered)), new RawClient(bench.connect(offered))];
    idle.write(get);
    await idle.response();
    slow.write("GET /slow HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
    never.write("GET /never HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
    await until("both are under way", async () => releases.length === 1 && (await bench.report()).services[0]?.requests === 3);
    const drained = bench.ask("drained", { kind: "drain", timeoutMs: 1_500 });
    await idle.ended();
    releases[0]?.();
    const response = await slow.response();
    expect([response.body, fieldsOf(response, "Connection")]).toEqual(["done", ["close"]]);
    expect((await drained).tunnelsCut).toBe(1);
    await never.ended();
  });

  it("ends the connections to a member when asked, by command or by the snapshot's count", async () => {
    const member = closed(await RecordingMember.start((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")));
    const offered = offer({ members: [{ port: member.port, cuts: 3 }] });
    const bench = closed(await EngineBench.start([offered]));
    const first = new RawClient(bench.connect(offered));
    first.write(get);
    await until("the response has begun", () => first.seen.includes("part"));
    bench.send({ kind: "cut-member", memberId: offered.members[0]?.id ?? "" });
    await first.ended();
    const second = new RawClient(bench.connect(offered));
    second.write(get);
    await until("the response has begun", () => second.seen.includes("part"));
    await bench.apply([{ ...offered, pool: { ...offered.pool, members: offered.members.map((one) => ({ ...one, cuts: 4 })) } }], 2);
    await second.ended();
  });

  it("lets nobody but its owner reach the socket", async () => {
    const { statSync } = await import("node:fs");
    const bench = closed(await EngineBench.start([offer({ members: [{ port: deadPort }] })]));
    expect(statSync(bench.socketPath).mode & 0o777).toBe(0o600);
  });
});
