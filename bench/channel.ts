/**
 * The way back, beside `ssh -R` of this machine: `npm run bench -- channel [--scale=0.2]`. Memory of the gateway per idle channel, set-up of a reverse stream (from
 * the client's first packet to the first byte of the service), megabytes per second of one, and what 199 streams notice of a stuck one. Everything is whole: TLS to the
 * inside listener, CONNECT with a signed grant, the engine, the agent's channel, the agent's own check of the grant and its dial.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import tls from "node:tls";
import { type ChannelPki, makeChannelPki } from "./channel-pki.ts";
import { startSshReverse, type SshReverse } from "./peers/ssh-reverse.ts";
import { freePort, versionOf } from "./peers/start-peer.ts";
import { cpuSeconds, memoryBytes } from "./process-tree.ts";

const scale = Number(process.argv.find((argument) => argument.startsWith("--scale="))?.slice(8) ?? 1);
const idleChannels = Math.round(2_000 * scale);
const idleSsh = Math.max(5, Math.round(25 * scale));
const setUps = Math.round(500 * scale);
const bytes = Math.round(400_000_000 * scale);
const streams = 200;
const rounds = 3;

type Way = { name: string; connect: () => Promise<net.Socket>; cpu: () => number };
type Latency = { p50: number; p99: number };

const dir = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
const children = new Set<ChildProcess>();

function start(script: string, job: unknown): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), JSON.stringify(job)], { stdio: ["pipe", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  if (!stdout) throw new Error("the child has no standard output");
  return await new Promise((resolve, reject) => {
    createInterface({ input: stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`it ended with code ${code} before it said anything`)));
  });
}

async function stopped(child: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.stdin?.end();
  await gone;
}

function quantiles(values: number[]): Latency {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** TLS, CONNECT and grant at the inside listener. */
async function connectInside(pki: ChannelPki, insidePort: number, backendPort: number): Promise<tls.TLSSocket> {
  const grant = await pki.grant(backendPort);
  const target = `${pki.agents[0]?.id}.agents:${backendPort}`;
  const socket = tls.connect({ host: "127.0.0.1", port: insidePort, servername: "localhost", ca: pki.caPem });
  socket.setNoDelay(true);
  return await new Promise((resolve, reject) => {
    let read = "";
    const onData = (chunk: Buffer): void => {
      read += chunk.toString("latin1");
      if (!read.includes("\r\n\r\n")) return;
      socket.off("data", onData).off("error", reject).pause();
      socket.on("error", () => socket.destroy());
      if (read.startsWith("HTTP/1.1 200 ")) resolve(socket);
      else reject(new Error(read.slice(0, 300)));
    };
    socket.on("data", onData).once("error", reject).once("secureConnect", () => socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Bearer ${grant}\r\n\r\n`));
  });
}

async function connectTcp(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  socket.on("error", () => socket.destroy());
  return socket.pause();
}

/** Milliseconds from nothing to the service's first byte, one after the other. */
async function setUpMs(way: Way, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const started = performance.now();
    const socket = await way.connect();
    socket.write("E\n");
    await new Promise((resolve) => socket.once("data", resolve).resume());
    all.push(performance.now() - started);
    socket.destroy();
  }
  return all;
}

async function download(way: Way): Promise<{ perSecond: number; perCpuSecond: number }> {
  const socket = await way.connect();
  const cpu = way.cpu();
  const started = performance.now();
  let got = 0;
  socket.on("data", (chunk: Buffer) => (got += chunk.length)).resume();
  const ended = new Promise<void>((resolve) => socket.once("end", resolve).once("close", () => resolve()));
  socket.write(`D ${bytes}\n`);
  await ended;
  if (got !== bytes) throw new Error(`${way.name}: ${got} of ${bytes} bytes came`);
  const seconds = (performance.now() - started) / 1_000;
  socket.destroy();
  return { perSecond: bytes / 1e6 / seconds, perCpuSecond: bytes / 1e6 / (way.cpu() - cpu) };
}

/** One message there and back. */
async function echo(socket: net.Socket): Promise<number> {
  const started = performance.now();
  await new Promise<void>((resolve) => {
    let left = 200;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
    socket.write(Buffer.alloc(200, 1));
  });
  return performance.now() - started;
}

/** Milliseconds per message on `sockets` one after the other, so that what is measured is the path and not their own crowd. */
async function echoes(sockets: readonly net.Socket[]): Promise<Latency> {
  const all: number[] = [];
  for (let round = 0; round < Math.max(3, Math.round(10 * scale)); round += 1) for (const socket of sockets) all.push(await echo(socket));
  return quantiles(all);
}

async function stuckBench(way: Way): Promise<{ alone: Latency; beside: Latency }> {
  const sockets: net.Socket[] = [];
  for (let count = 0; count < streams - 1; count += 1) {
    const socket = await way.connect();
    socket.write("P\n");
    socket.resume();
    sockets.push(socket);
  }
  await echoes(sockets.slice(0, 10));
  const alone = await echoes(sockets);
  const stuck = await way.connect();
  stuck.pause();
  stuck.write("D 1000000000\n");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const beside = await echoes(sockets);
  for (const socket of [...sockets, stuck]) socket.destroy();
  return { alone, beside };
}

async function idleBytes(pki: ChannelPki, gateway: { port: number; pid: number }): Promise<number> {
  const before = memoryBytes(gateway.pid);
  const child = start("channel-idle.ts", { dir, port: gateway.port, from: 1, count: idleChannels });
  await firstLine(child);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const perChannel = (memoryBytes(gateway.pid) - before) / Math.min(idleChannels, pki.agents.length - 1);
  await stopped(child);
  return perChannel;
}

async function sshIdleBytes(ssh: SshReverse): Promise<number> {
  const before = memoryBytes(ssh.sshdPid);
  const end = await ssh.idle(idleSsh);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const perConnection = (memoryBytes(ssh.sshdPid) - before) / idleSsh;
  end();
  return perConnection;
}

type Row = { name: string; idle: number; setUp: Latency; perSecond: number; perCpuSecond: number; alone: Latency; beside: Latency };

async function measure(way: Way, idle: () => Promise<number>): Promise<Row> {
  await setUpMs(way, 30);
  const setUp: number[] = [];
  const rates = [];
  for (let round = 0; round < rounds; round += 1) {
    setUp.push(...(await setUpMs(way, Math.ceil(setUps / rounds))));
    rates.push(await download(way));
  }
  rates.sort((a, b) => a.perSecond - b.perSecond);
  const middle = rates[Math.floor(rounds / 2)] ?? { perSecond: Number.NaN, perCpuSecond: Number.NaN };
  const stuck = await stuckBench(way);
  return { name: way.name, setUp: quantiles(setUp), ...middle, ...stuck, idle: await idle() };
}

async function sallyport(pki: ChannelPki, runtime: "bun" | "node", backendPort: number): Promise<Row> {
  const port = await freePort();
  const insidePort = await freePort();
  const gateway = start("peers/channel-gateway.ts", { dir, port, insidePort, runtime });
  const enginePid = Number(await firstLine(gateway));
  const agent = start("peers/channel-agent.ts", { dir, port, backendPort });
  await firstLine(agent);
  const way: Way = { name: `Sallyport (${runtime})`, connect: async () => await connectInside(pki, insidePort, backendPort), cpu: () => cpuSeconds(gateway.pid ?? 0) + cpuSeconds(agent.pid ?? 0) };
  const row = await measure(way, async () => await idleBytes(pki, { port, pid: enginePid }));
  await stopped(agent);
  await stopped(gateway);
  return row;
}

async function openSsh(backendPort: number): Promise<Row | undefined> {
  const ssh = await startSshReverse(dir, backendPort);
  if (!ssh) return undefined;
  const way: Way = { name: "ssh -R", connect: async () => await connectTcp(ssh.port), cpu: () => cpuSeconds(ssh.sshdPid) + cpuSeconds(ssh.clientPid) };
  const row = await measure(way, async () => await sshIdleBytes(ssh));
  ssh.stop();
  return row;
}

function print(rows: readonly Row[]): void {
  console.log(`\n${idleChannels} idle channels (${idleSsh} of ssh); ${setUps} set-ups one after the other; ${(bytes / 1e6).toFixed(0)} MB down one stream, median of ${rounds}; ${streams} streams, 200-byte messages there and back`);
  console.log("| | bytes per idle channel on the gateway | set-up p50 / p99, ms | one stream, MB/s | MB per CPU-second, gateway and agent | message p50 / p99, ms | the same beside a stuck stream |\n| --- | --- | --- | --- | --- | --- | --- |");
  const pair = (latency: Latency): string => `${latency.p50.toFixed(2)} / ${latency.p99.toFixed(2)}`;
  for (const row of rows) console.log(`| ${row.name} | ${row.idle.toFixed(0)} | ${pair(row.setUp)} | ${row.perSecond.toFixed(0)} | ${row.perCpuSecond.toFixed(0)} | ${pair(row.alone)} | ${pair(row.beside)} |`);
  console.log("A set-up of ours is a TLS handshake, a signed grant checked twice and a stream; one of ssh -R is a TCP connection to a port that anybody on the machine may use, and a stream.");
}

const pki = await makeChannelPki(dir, idleChannels + 1);
const backend = start("backend.ts", {});
try {
  const backendPort = Number(await firstLine(backend));
  const rows = [await sallyport(pki, "bun", backendPort), await sallyport(pki, "node", backendPort)];
  const ssh = await openSsh(backendPort);
  console.log(`peers: ${ssh ? (versionOf("ssh", "-V") ?? "ssh") : "no sshd on this machine"}`);
  print(ssh ? [...rows, ssh] : rows);
} finally {
  for (const child of children) child.kill();
  rmSync(dir, { recursive: true, force: true });
}
