/**
 * The load of the services benchmark, a process of its own. Reads one JSON job, prints one JSON line with the number of requests and their latencies.
 * `requests`: GETs over kept-alive TLS connections; `connections`: one TLS connection (never resumed) and one GET each.
 */
import { request, Agent } from "node:https";

type Job = { kind: "requests" | "connections"; port: number; count: number; concurrency: number; ca: string };

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const agent = new Agent({ keepAlive: job.kind === "requests", maxSockets: job.concurrency, ca: job.ca, servername: "localhost", maxCachedSessions: 0 });
const latenciesMs: number[] = [];

async function get(): Promise<void> {
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: job.port, path: "/bench", agent, headers: { host: "localhost" } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
      response.on("end", resolve).on("error", reject).resume();
    });
    sent.on("error", reject).end();
  });
  latenciesMs.push(performance.now() - started);
}

let left = job.count;
await Promise.all(Array.from({ length: job.concurrency }, async () => {
  while (left-- > 0) await get();
}));
agent.destroy();
const sorted = latenciesMs.toSorted((a, b) => a - b);
const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
process.stdout.write(`${JSON.stringify({ done: latenciesMs.length, p50Ms: at(0.5), p99Ms: at(0.99) })}\n`);
process.exit(0);
