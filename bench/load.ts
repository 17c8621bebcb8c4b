/**
 * The load of the benchmarks, a process of its own so that its CPU is not counted. Reads one JSON job from its argument, prints one JSON line.
 * `handshakes`: connect, tunnel, one byte back, close; `resumed`: the same on one session; `download` and `upload`: bytes through one tunnel at a time;
 * `idle`: open tunnels and hold them until standard input ends; `stalled`: start a download and read nothing until standard input says so.
 */
import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";

type Job = { kind: "handshakes" | "resumed" | "download" | "upload" | "idle" | "stalled"; host: string; port: number; target: string | null; dir: string; count: number; bytes: number; concurrency: number };

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const cert = readFileSync(`${job.dir}/client.pem`);
const key = readFileSync(`${job.dir}/client.key`);
let session: Buffer | undefined;
const tickets = new WeakMap<TLSSocket, Promise<Buffer>>();

/** A tunnel that is ready for bytes: TLS done, and the CONNECT answered where there is one. */
async function open(): Promise<TLSSocket> {
  const socket = connect({ host: job.host, port: job.port, cert, key, rejectUnauthorized: false, servername: "localhost", ...(session ? { session } : {}) });
  socket.setNoDelay(true);
  // TLS 1.3 tickets come right after the handshake, long before the first byte of the back end.
  const ticket = new Promise<Buffer>((resolve) => socket.once("session", resolve));
  tickets.set(socket, ticket);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      if (job.target === null) return resolve();
      socket.write(`CONNECT ${job.target} HTTP/1.1\r\nHost: ${job.target}\r\n\r\n`);
      socket.once("data", (head: Buffer) => (head.subarray(9, 12).toString() === "200" ? resolve() : reject(new Error(head.toString().slice(0, 300)))));
    });
  });
  socket.on("error", () => socket.destroy());
  return socket;
}

async function one(): Promise<void> {
  const socket = await open();
  if (job.kind === "resumed" && session && !socket.isSessionReused()) throw new Error("the session was not resumed");
  socket.write("E\n");
  await new Promise<void>((resolve, reject) => {
    socket.once("data", () => resolve());
    socket.once("close", () => reject(new Error("closed before the byte came back")));
  });
  if (job.kind === "resumed" && !session) session = await tickets.get(socket);
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.end();
    socket.resume();
  });
}

async function repeat(): Promise<void> {
  if (job.kind === "resumed") await one();
  let left = job.count;
  await Promise.all(Array.from({ length: job.concurrency }, async () => {
    while (left-- > 0) await one();
  }));
}

async function download(): Promise<number> {
  const socket = await open();
  socket.write(`D ${job.bytes}\n`);
  let total = 0;
  socket.on("data", (chunk: Buffer) => (total += chunk.length));
  await new Promise<void>((resolve) => socket.once("end", resolve));
  socket.destroy();
  return total;
}

async function upload(): Promise<number> {
  const socket = await open();
  const block = Buffer.alloc(256 * 1024, 0x5a);
  socket.write(`U ${job.bytes}\n`);
  for (let left = job.bytes; left > 0; left -= block.length) {
    if (!socket.write(left < block.length ? block.subarray(0, left) : block)) await new Promise<void>((resolve) => socket.once("drain", resolve));
  }
  const total = await new Promise<number>((resolve, reject) => {
    socket.once("data", (data: Buffer) => resolve(Number(data.toString())));
    socket.once("close", () => reject(new Error("closed before the count came back")));
  });
  socket.destroy();
  return total;
}

async function idle(): Promise<void> {
  let left = job.count;
  const held: TLSSocket[] = [];
  await Promise.all(Array.from({ length: job.concurrency }, async () => {
    while (left-- > 0) held.push(await open());
  }));
  process.stdout.write(`{"held":${held.length}}\n`);
  await new Promise((resolve) => process.stdin.on("end", resolve).resume());
}

async function stalled(): Promise<number> {
  const socket = await open();
  socket.pause();
  socket.write(`D ${job.bytes}\n`);
  process.stdout.write('{"stalled":true}\n');
  await new Promise((resolve) => process.stdin.once("data", resolve));
  let total = 0;
  socket.on("data", (chunk: Buffer) => (total += chunk.length)).resume(); // it was paused explicitly
  await new Promise<void>((resolve) => socket.once("end", resolve));
  return total;
}

const started = performance.now();
const result = job.kind === "download" ? await download() : job.kind === "upload" ? await upload() : job.kind === "idle" ? await idle() : job.kind === "stalled" ? await stalled() : await repeat();
process.stdout.write(`${JSON.stringify({ done: result ?? job.count, wallMs: Math.round(performance.now() - started) })}\n`);
process.exit(0);
