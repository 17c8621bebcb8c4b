/** Mutated requests and answers, the same ones each time: whatever comes, the engine lives, answers the next client and loses no count. */
import type net from "node:net";
import { describe, expect, it } from "vitest";
import { seeded } from "../support/pools.ts";
import { closing, until } from "./support/closing.ts";
import { EngineBench, offer } from "./support/engine-bench.ts";
import { frame, headerBlock, preface } from "./support/frames.ts";
import { judgeBytes } from "./support/judge-bytes.ts";
import { RawClient } from "./support/raw-client.ts";
import { RecordingMember } from "./support/recording-member.ts";

const closed = closing();
const rounds = 1_500;

const requests = ["GET /a HTTP/1.1\r\nHost: web.example.com\r\nCookie: sallyport=abc; b=c\r\n\r\n", "POST /a HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", "POST /a HTTP/1.1\r\nHost: web.example.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", "GET /ws HTTP/1.1\r\nHost: web.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n\r\nabc", "HEAD * HTTP/1.0\r\nHost: web.example.com\r\nConnection: keep-alive\r\n\r\n", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n"];
const answers = ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b; Path=/\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 204 None\r\n\r\n", "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nabc", "HTTP/1.0 200 OK\r\n\r\nuntil the end", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nTrailer: a\r\n\r\n", "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\nKeep-Alive: timeout=1\r\n\r\n"];

/** A few bytes changed, doubled, taken out or cut off. */
function mutate(text: string, random: () => number): string {
  let mutated = text;
  for (let change = Math.floor(random() * 4); change > 0; change -= 1) {
    const at = Math.floor(random() * mutated.length);
    const length = Math.floor(random() * 12);
    const kind = random();
    if (kind < 0.3) mutated = mutated.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + mutated.slice(at + 1);
    else if (kind < 0.5) mutated = mutated.slice(0, at) + mutated.slice(at + length);
    else if (kind < 0.7) mutated = mutated.slice(0, at + length) + mutated.slice(at);
    else if (kind < 0.85) mutated = mutated.slice(0, at);
    else mutated = `${mutated.slice(0, at)}${["\r\n", "\0", "\r\n\r\n", ": ", "Connection: close\r\n", "Trailer: x\r\n", "Content-Length: 1\r\n"][Math.floor(random() * 7)]}${mutated.slice(at)}`;
  }
  return mutated;
}

function pick<T>(list: readonly [T, ...T[]] | readonly T[], random: () => number): T {
  const chosen = list[Math.floor(random() * list.length)];
  if (chosen === undefined) throw new Error("an empty list");
  return chosen;
}

/** Plays `play` for many rounds, forty at once, and then asks whether the engine is still whole. */
async function rain(isTwo: boolean, play: (socket: net.Socket, random: () => number) => void): Promise<void> {
  const random = seeded(20_261_123);
  const problems: string[] = [];
  const member = closed(await RecordingMember.start((socket, bytes) => {
    problems.push(...judgeBytes(bytes.replace(/^GET \/ws[\s\S]*/, "")).problems);
    if (!bytes.includes("\r\n\r\n")) return;
    if (bytes.includes("GET /good ")) return void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood");
    const answer = Buffer.from(mutate(pick(answers, random), random), "latin1");
    socket.write(answer);
    if (random() < 0.5) socket.end();
    else if (random() < 0.2) socket.resetAndDestroy();
  }));
  const offered = offer({ service: { persistence: { kind: "cookie-insert", cookieName: "sallyport", lifetimeSeconds: null, sameSite: "lax", endsWithCookie: "a", exceptions: [] }, limits: { headTimeoutMs: 500, bodyTimeoutMs: 500, responseTimeoutMs: 500, idleTimeoutMs: 1_000, closingTimeoutMs: 300 } }, members: [{ port: member.port }] });
  const bench = closed(await EngineBench.start([offered]));
  let left = rounds;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const socket = bench.connect(offered, { alpn: isTwo ? "h2" : "http/1.1" });
      socket.resume();
      play(socket, random);
      const gone = new Promise((resolve) => socket.once("close", resolve).once("end", resolve));
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, random() * 60))]);
      if (random() < 0.5) socket.end();
      else socket.destroy();
      setTimeout(() => socket.destroy(), 200);
    }
  };
  await Promise.all(Array.from({ length: 40 }, worker));
  await until("everything is over", async () => {
    const { counters, services } = await bench.report();
    return counters.connections === 0 && services[0]?.members[0]?.connections === 0;
  }, 10_000);
  expect(bench.errors).toBe("");
  expect(problems).toEqual([]);
  const good = new RawClient(bench.connect(offered));
  good.write("GET /good HTTP/1.1\r\nHost: web.example.com\r\n\r\n");
  expect((await good.response()).body).toBe("good");
}

describe("hostile bytes", () => {
  it(`survives ${rounds} mutated HTTP/1.1 connections with mutated answers, and ends with no connection left [T28] [T30]`, async () => {
    await rain(false, (socket, random) => {
      const bytes = Buffer.from(mutate(pick(requests, random), random), "latin1");
      const at = Math.floor(random() * bytes.length);
      socket.write(bytes.subarray(0, at));
      setTimeout(() => {
        if (!socket.destroyed && socket.writable) socket.write(bytes.subarray(at));
      }, random() * 20);
    });
  }, 90_000);

  it(`survives ${rounds} mutated HTTP/2 connections with mutated answers, and ends with no connection left [T07] [T28] [T30]`, async () => {
    await rain(true, (socket, random) => {
      const frames: Buffer[] = [preface, frame(4, 0, 0, Buffer.alloc(0))];
      for (let index = 0; index < 1 + random() * 8; index += 1) {
        const stream = Math.floor(random() * 6) * 2 + 1;
        const head = headerBlock([[":method", pick(["GET", "POST", "HEAD"], random)], [":scheme", "https"], [":authority", "web.example.com"], [":path", pick(["/a", "/ws", "*"], random)], ["cookie", "sallyport=x"], ["te", "trailers"]]);
        const kind = random();
        if (kind < 0.6) frames.push(frame(1, random() < 0.5 ? 5 : 4, stream, Buffer.from(random() < 0.7 ? head : mutate(head, random), "latin1")));
        else if (kind < 0.8) frames.push(frame(0, random() < 0.5 ? 1 : 0, stream, Buffer.from("hello")));
        else frames.push(frame(Math.floor(random() * 12), Math.floor(random() * 256), random() < 0.3 ? 0 : stream, Buffer.alloc(Math.floor(random() * 16), Math.floor(random() * 256))));
      }
      socket.write(Buffer.concat(frames));
    });
  }, 90_000);
});
