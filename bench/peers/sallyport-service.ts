/** One virtual service of ours without a console: the supervisor's engine group with one engine and a snapshot made by hand. Ends with standard input. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { snapshot } from "../../contract/snapshot.ts";
import { EngineGroup } from "../../gateway-worker/supervisor/engines.ts";
import { organisationId, trustDomain } from "../pki.ts";

const job = JSON.parse(process.argv[2] ?? "{}") as { dir: string; port: number; memberPort: number; runtime: "bun" | "node"; mode: string; protocol: string };
const read = (name: string): string => readFileSync(`${job.dir}/${name}`, "utf8");
const id = (last: number): string => `0b0e0d52-7a3f-4c39-9d64-0a1f6a1f00${String(last)}`;
const listenerId = id(20);

const ignore = (): void => undefined;
const group = new EngineGroup({
  runtime: job.runtime, count: 1, onTunnels: ignore, onStatus: ignore, onLog: ignore,
  onRefusals: (refusals) => refusals.forEach((refusal) => process.stderr.write(`refused: ${refusal.code} ${refusal.detail}\n`)),
});
await group.start();
await group.access({ version: 1, complete: true, entries: [] }, true);
const certificate = { fingerprint: "0".repeat(64), chainPem: read("server.pem"), keyPem: read("server.key") };
const result = await group.apply(
  snapshot.parse({
    format: 2, revision: 1, builtAt: new Date().toISOString(), organisationId, gatewayId: id(21), gatewayName: "bench", trustDomain, clientTrustAnchorsPem: [read("ca.pem")],
    listeners: [{ id: listenerId, address: "127.0.0.1", port: await freePort(), mode: { kind: "connect" }, certificate: { kind: "imported", ...certificate }, limits: {} }],
    servers: [], policies: [],
    virtualServices: [{ id: id(22), name: "bench", address: "127.0.0.1", port: job.port, mode: job.mode, protocol: job.protocol, poolId: id(23), certificates: job.mode === "tls-passthrough" ? [] : [certificate], memberTls: { verify: { kind: "anchors", anchorsPem: [read("ca.pem")], name: "localhost" }, serverName: { kind: "fixed", name: "localhost" } }, persistenceKey: Buffer.alloc(32, 7).toString("base64"), limits: {} }],
    pools: [{ id: id(23), name: "bench", members: [{ id: id(24), name: "member", host: "127.0.0.1", port: job.memberPort }] }],
  }),
  [{ listenerId, chainPem: read("server.pem"), keyPem: read("server.key") }],
);
if (!result.ok) throw new Error(JSON.stringify(result.problems));
const stop = async (): Promise<void> => {
  await group.close();
  process.exit(0);
};
process.stdin.on("end", () => void stop()).resume();
process.on("SIGTERM", () => void stop());

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
