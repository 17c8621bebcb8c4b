/**
 * Virtual services against nginx and HAProxy of the machine, in one run: `npm run bench -- services [--scale=0.2]`. For each mode and protocol: requests per
 * CPU-second of the balancer alone over kept-alive connections, the 99th percentile of their latency, and CPU per new connection with one request.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Peer } from "./peers/peer.ts";
import { type ServiceKind, serviceKinds, startHaproxyService, startNginxService, startSallyportService, startServiceBackend } from "./peers/service-peers.ts";
import { versionOf } from "./peers/start-peer.ts";
import { makeBenchPki } from "./pki.ts";
import { cpuSeconds } from "./process-tree.ts";

const scale = Number(process.argv.find((argument) => argument.startsWith("--scale="))?.slice(8) ?? 1);
const wantedKinds = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const rounds = 3;
const concurrency = 32;
const requests = Math.round(20_000 * scale);
const connections = Math.round(2_000 * scale);

type Figures = { perCpuSecond: number; p99Ms: number; connectionUs: number };
type LoadResult = { done: number; p50Ms: number; p99Ms: number };

const dir = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
const pki = makeBenchPki(dir);
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function load(peer: Peer, kind: "requests" | "connections", count: number): Promise<LoadResult & { cpu: number }> {
  const before = cpuSeconds(peer.pid);
  const child = spawn(process.execPath, [join(import.meta.dirname, "http-load.ts"), JSON.stringify({ kind, port: peer.port, count, concurrency, ca: pki.ca })], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the load on ${peer.name} ended with code ${code}`)));
  });
  return { ...(JSON.parse(line) as LoadResult), cpu: cpuSeconds(peer.pid) - before };
}

async function measure(peers: Peer[]): Promise<Map<string, Figures>> {
  for (const peer of peers) await load(peer, "requests", Math.max(200, Math.round(requests / 10)));
  const seen = new Map<string, Figures[]>(peers.map((peer) => [peer.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      const kept = await load(peer, "requests", requests);
      const fresh = await load(peer, "connections", connections);
      seen.get(peer.name)?.push({ perCpuSecond: kept.done / kept.cpu, p99Ms: kept.p99Ms, connectionUs: (fresh.cpu / fresh.done) * 1e6 });
    }
  }
  return new Map([...seen].map(([name, list]) => [name, { perCpuSecond: median(list.map((f) => f.perCpuSecond)), p99Ms: median(list.map((f) => f.p99Ms)), connectionUs: median(list.map((f) => f.connectionUs)) }]));
}

async function bench(kind: ServiceKind): Promise<void> {
  const backend = await startServiceBackend(pki);
  const peers = [await startSallyportService(pki, kind, backend, "bun"), await startSallyportService(pki, kind, backend, "node"), await startNginxService(pki, kind, backend), ...(versionOf("haproxy", "-v") ? [await startHaproxyService(pki, kind, backend)] : [])];
  try {
    print(kind, await measure(peers));
  } finally {
    await Promise.all(peers.map(async (peer) => await peer.stop()));
    await backend.stop();
  }
}

function print(kind: ServiceKind, figures: Map<string, Figures>): void {
  console.log(`\n${kind}\n| | requests per CPU-second | p99, ms | new connection + request, us CPU |\n| --- | --- | --- | --- |`);
  for (const [name, f] of figures) console.log(`| ${name} | ${f.perCpuSecond.toFixed(0)} | ${f.p99Ms.toFixed(1)} | ${f.connectionUs.toFixed(0)} |`);
  const own = figures.get("Sallyport (bun)");
  for (const name of ["nginx", "HAProxy"]) {
    const peer = figures.get(name);
    if (own && peer) console.log(`Sallyport (bun) against ${name}: ${(own.perCpuSecond / peer.perCpuSecond).toFixed(2)} times its requests per CPU-second, ${(own.p99Ms / peer.p99Ms).toFixed(2)} of its p99, ${(own.connectionUs / peer.connectionUs).toFixed(2)} of its CPU per new connection`);
  }
}

if (!versionOf("nginx", "-v")) throw new Error("the services benchmark needs nginx with its stream module: it is the member, and a peer");
console.log(`peers: ${[versionOf("nginx", "-v"), versionOf("haproxy", "-v")].filter(Boolean).join("; ")}; ECDSA P-256, one engine, worker or thread each, ${concurrency} connections, 1 kB answers, medians of ${rounds} rounds`);
try {
  for (const kind of serviceKinds) if (wantedKinds.length === 0 || wantedKinds.some((wanted) => kind.startsWith(wanted))) await bench(kind);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
