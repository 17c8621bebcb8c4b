/** Two yamux sessions with mutual strangers' TLS between them, as a program of its own so that it runs on Bun and on Node: prints one line of JSON. */
import net from "node:net";
import tls from "node:tls";
import { YamuxSession, type YamuxStream } from "../../gateway-worker/net/yamux.ts";

type Given = { what: "stuck" | "far"; key: string; cert: string; ca: string };

const given = JSON.parse(process.argv[2] ?? "") as Given;

function nothing(): void {}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

/** A session over TLS whose server does `serve` with each stream; `delayMs` of path each way. */
async function session(serve: (stream: YamuxStream) => void, delayMs = 0): Promise<YamuxSession> {
  const server = tls.createServer({ key: given.key, cert: given.cert }, (socket) => void new YamuxSession(socket, { isClient: false, onStream: serve, onEnd: nothing }));
  const port = delayMs === 0 ? await listening(server) : await slowPath(await listening(server), delayMs);
  const socket = tls.connect({ port, host: "127.0.0.1", ca: given.ca, servername: "localhost" });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return new YamuxSession(socket, { isClient: true, onStream: (stream) => stream.destroy(), onEnd: nothing });
}

/** A TCP path that takes `delayMs` each way and any number of bytes. */
async function slowPath(to: number, delayMs: number): Promise<number> {
  const server = net.createServer((near) => {
    const far = net.connect(to, "127.0.0.1");
    for (const [from, into] of [[near, far], [far, near]] as const) {
      from.on("data", (chunk: Buffer) => setTimeout(() => into.write(chunk), delayMs)).on("close", () => into.destroy()).on("error", nothing);
    }
  });
  return await listening(server);
}

/** 199 streams that take turns with small messages, beside one that nobody reads. Milliseconds per message. */
async function stuck(): Promise<unknown> {
  const held: YamuxStream[] = [];
  const one = await session((stream) => {
    stream.once("data", (first: Buffer) => {
      if (first[0] === 0) {
        stream.pause();
        held.push(stream);
        return;
      }
      stream.write(first);
      stream.pipe(stream);
    });
  });
  const streams = Array.from({ length: 199 }, () => one.open());
  await Promise.all(streams.map(async (stream) => await message(stream)));
  const before = await latencies(streams);
  const blocked = one.open();
  blocked.write(Buffer.alloc(1));
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  let sent = 0;
  for (let count = 0; count < 1_000; count += 1) blocked.write(Buffer.alloc(100_000), (error) => (sent += error ? 0 : 100_000));
  const beside = await latencies(streams);
  return { before, beside, sentToStuck: sent, streams: one.streams };
}

async function message(stream: YamuxStream): Promise<number> {
  const started = performance.now();
  let left = 200;
  stream.write(Buffer.alloc(left, 1));
  await new Promise<void>((resolve) => {
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      stream.off("data", onData);
      resolve();
    };
    stream.on("data", onData);
  });
  return performance.now() - started;
}

async function latencies(streams: YamuxStream[]): Promise<{ p50: number; p99: number; count: number }> {
  const all: number[] = [];
  for (let round = 0; round < 10; round += 1) all.push(...(await Promise.all(streams.map(async (stream) => await message(stream)))));
  all.sort((a, b) => a - b);
  return { p50: all[Math.floor(all.length * 0.5)] ?? 0, p99: all[Math.floor(all.length * 0.99)] ?? 0, count: all.length };
}

/** One stream over a path with a round trip of 60 ms. */
async function far(): Promise<unknown> {
  const total = 25_000_000;
  const one = await session((stream) => stream.end(Buffer.alloc(total)), 30);
  const stream = one.open();
  let got = 0;
  let grown = 0;
  const started = performance.now();
  stream.on("data", (chunk: Buffer) => (got += chunk.length));
  await new Promise((resolve) => stream.once("end", resolve));
  grown = performance.now() - started;
  return { got, ms: grown, roundTripMs: one.roundTripMs };
}

console.log(JSON.stringify(given.what === "stuck" ? await stuck() : await far()));
process.exit(0);
