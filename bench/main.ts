/**
 * The data plane against its peers, in one run on one machine: `npm run bench` (or `npm run bench -- tunnel|idle|stall`). Prints CPU per full and per resumed
 * handshake with tunnel, megabytes per CPU-second both ways, bytes per idle tunnel, and the memory with a reader that stops. Ratios are the thing to
 * quote: the machine's speed cancels out in them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makeBenchPki } from "./pki.ts";
import type { Peer } from "./peers/peer.ts";
import { startHaproxy, startNginx, startSallyport, versionOf } from "./peers/start-peer.ts";
import { cpuSeconds, memoryBytes, peakBytes } from "./process-tree.ts";

const scale = Number(process.argv.find((argument) => argument.startsWith("--scale="))?.slice(8) ?? 1);
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const wants = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
const rounds = 3;
const idleTunnels = Math.round(3000 * scale);
const stallBytes = Math.round(1_000_000_000 * scale);

type Figures = { full: number; resumed: number; down: number; up: number; idle: number };

const dir = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
const pki = makeBenchPki(dir);
const backend = spawn(process.execPath, [join(import.meta.dirname, "backend.ts")], { stdio: ["pipe", "pipe", "inherit"] });
const backendPort = Number(await firstLine(backend));

function firstLine(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  if (!stdout) throw new Error("the child has no standard output");
  return new Promise((resolve, reject) => {
    createInterface({ input: stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`it ended with code ${code} before it said anything`)));
  });
}

type Job = { kind: string; count?: number; bytes?: number; concurrency?: number };

function startLoad(peer: Peer, job: Job): ChildProcess {
  const full = { host: "127.0.0.1", port: peer.port, target: peer.target, dir, count: 0, bytes: 0, concurrency: 16, ...job };
  return spawn(process.execPath, [join(import.meta.dirname, "load.ts"), JSON.stringify(full)], { stdio: ["pipe", "pipe", "inherit"] });
}

async function load(peer: Peer, job: Job): Promise<{ done: number; wallMs: number }> {
  return JSON.parse(await firstLine(startLoad(peer, job))) as { done: number; wallMs: number };
}

/** CPU seconds that `peer` spends on the job. */
async function cpuOf(peer: Peer, job: Job): Promise<number> {
  const before = cpuSeconds(peer.pid);
  await load(peer, job);
  return cpuSeconds(peer.pid) - before;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Every peer in turn, `rounds` times over, so that a slow minute of the machine meets all of them. */
async function compare(peers: Peer[], measure: (peer: Peer) => Promise<number>): Promise<Map<string, number>> {
  const results = new Map<string, number[]>(peers.map((peer) => [peer.name, []]));
  for (let round = 0; round < rounds; round++) for (const peer of peers) results.get(peer.name)?.push(await measure(peer));
  return new Map([...results].map(([name, values]) => [name, median(values)]));
}

async function idleBytes(peer: Peer): Promise<number> {
  const before = memoryBytes(peer.pid);
  const child = startLoad(peer, { kind: "idle", count: idleTunnels, concurrency: 32 });
  await firstLine(child);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const after = memoryBytes(peer.pid);
  child.stdin?.end();
  await new Promise((resolve) => child.once("exit", resolve));
  return (after - before) / idleTunnels;
}

async function tunnelBench(): Promise<void> {
  const peers = [
    await startSallyport({ pki, backendPort, runtime: "bun", mode: "connect" }),
    await startSallyport({ pki, backendPort, runtime: "bun", mode: "direct" }),
    await startSallyport({ pki, backendPort, runtime: "node", mode: "connect" }),
    ...(versionOf("nginx", "-v") ? [await startNginx(pki, backendPort)] : []),
    ...(versionOf("haproxy", "-v") ? [await startHaproxy(pki, backendPort)] : []),
  ];
  for (const peer of peers) await load(peer, { kind: "handshakes", count: 300 });
  const handshakes = Math.round(1500 * scale);
  const bytes = Math.round(600_000_000 * scale);
  const full = await compare(peers, async (peer) => ((await cpuOf(peer, { kind: "handshakes", count: handshakes })) / handshakes) * 1e6);
  const resumed = await compare(peers, async (peer) => ((await cpuOf(peer, { kind: "resumed", count: handshakes })) / handshakes) * 1e6);
  const down = await compare(peers, async (peer) => bytes / 1e6 / (await cpuOf(peer, { kind: "download", bytes })));
  const up = await compare(peers, async (peer) => bytes / 1e6 / (await cpuOf(peer, { kind: "upload", bytes })));
  const idle = new Map<string, number>();
  for (const peer of peers) idle.set(peer.name, await idleBytes(peer));
  await Promise.all(peers.map(async (peer) => await peer.stop()));
  const figures = new Map<string, Figures>(peers.map(({ name }) => [name, { full: full.get(name) ?? 0, resumed: resumed.get(name) ?? 0, down: down.get(name) ?? 0, up: up.get(name) ?? 0, idle: idle.get(name) ?? 0 }]));
  printFigures(figures);
}

function printFigures(figures: Map<string, Figures>): void {
  console.log(`\nMutual TLS, ECDSA P-256, one engine or worker each; medians of ${rounds} rounds; ${idleTunnels} idle tunnels`);
  console.log("| | full handshake + tunnel, us CPU | resumed, us CPU | MB per CPU-s down | up | bytes per idle tunnel |\n| --- | --- | --- | --- | --- | --- |");
  for (const [name, f] of figures) console.log(`| ${name} | ${f.full.toFixed(0)} | ${f.resumed.toFixed(0)} | ${f.down.toFixed(0)} | ${f.up.toFixed(0)} | ${f.idle.toFixed(0)} |`);
  const nginx = figures.get("nginx stream");
  for (const [name, f] of figures) {
    if (nginx && name.startsWith("Sallyport (bun")) console.log(`${name} against nginx stream: ${(f.full / nginx.full).toFixed(2)} of its CPU per full handshake (aim 0.70 or less), ${(f.resumed / nginx.resumed).toFixed(2)} resumed, ${(f.down / nginx.down).toFixed(2)} times its bytes per CPU-second down and ${(f.up / nginx.up).toFixed(2)} up (aim 1.50 or more)`);
  }
}

/** A reader that stops: the source is 1 GB, the gateway may hold only what its buffers hold. */
async function stallBench(): Promise<void> {
  for (const runtime of ["bun", "node"] as const) {
    const peer = await startSallyport({ pki, backendPort, runtime, mode: "connect" });
    await load(peer, { kind: "handshakes", count: 20 });
    const before = memoryBytes(peer.pid);
    const child = startLoad(peer, { kind: "stalled", bytes: stallBytes });
    await firstLine(child);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const stalled = memoryBytes(peer.pid);
    const rest = firstLine(child);
    child.stdin?.write("go\n");
    const { done } = JSON.parse(await rest) as { done: number };
    console.log(`reader stopped for 4 s, then read ${(done / 1e6).toFixed(0)} MB (${runtime}): ${((stalled - before) / 1e6).toFixed(1)} MB more while stopped, peak of any process ${(peakBytes(peer.pid) / 1e6).toFixed(0)} MB`);
    await peer.stop();
  }
}

console.log(`peers: ${[versionOf("nginx", "-v"), versionOf("haproxy", "-v"), versionOf("openssl", "version")].filter(Boolean).join("; ")}`);
try {
  if (wants("tunnel") || wants("idle")) await tunnelBench();
  if (wants("stall")) await stallBench();
} finally {
  backend.stdin?.end();
  rmSync(dir, { recursive: true, force: true });
}
