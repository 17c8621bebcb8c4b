/** Our gateway without a console: the supervisor's engine group with one engine and a snapshot made by hand. Ends with standard input. */
import { readFileSync } from "node:fs";
import { listenerLimits } from "../../contract/snapshot.ts";
import { EngineGroup } from "../../gateway-worker/supervisor/engines.ts";
import { agentId, groupId, organisationId, trustDomain } from "../pki.ts";
import { createHash, X509Certificate } from "node:crypto";

const job = JSON.parse(process.argv[2] ?? "{}") as { dir: string; port: number; backendPort: number; runtime: "bun" | "node"; mode: "connect" | "direct" };
const read = (name: string): string => readFileSync(`${job.dir}/${name}`, "utf8");
const listenerId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0010";
const serverId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0011";

const ignore = (): void => undefined;
const group = new EngineGroup({
  runtime: job.runtime, count: 1, onTunnels: ignore, onStatus: ignore, onLog: ignore,
  onRefusals: (refusals) => refusals.forEach((refusal) => process.stderr.write(`refused: ${refusal.code} ${refusal.detail}\n`)),
});
await group.start();
await group.access({ version: 1, complete: true, entries: [{ version: 1, kind: "agent", id: agentId, status: "active", fingerprints: [createHash("sha256").update(new X509Certificate(read("client.pem")).raw).digest("hex")], groupIds: [groupId], expiresAt: null }] }, true);
const result = await group.apply(
  {
    format: 3, revision: 1, builtAt: new Date().toISOString(), organisationId, gatewayId: "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0012", gatewayName: "bench", trustDomain, clientTrustAnchorsPem: [read("ca.pem")],
    listeners: [{ id: listenerId, address: "127.0.0.1", port: job.port, mode: job.mode === "direct" ? { kind: "direct", serverId, port: job.backendPort } : { kind: "connect" }, certificate: { kind: "imported", fingerprint: "0".repeat(64), chainPem: read("server.pem"), keyPem: read("server.key") }, algorithms: "standard", acceptProxy: { kind: "off" }, limits: listenerLimits.parse({ handshakesPerSourceMax: 10_000, handshakesMax: 10_000, idleTimeoutMs: 3_600_000 }) }],
    servers: [{ id: serverId, name: "backend", kind: "site", isAgentSite: false, names: ["localhost"], ports: [job.backendPort], addresses: ["127.0.0.1"] }],
    policies: [{ id: "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0013", name: "bench", isEnabled: true, namesThisGateway: true, groupIds: [groupId] }],
    virtualServices: [], pools: [], inside: null,
    peers: [],
    relays: [],
    consoleKeys: { signing: [], encryption: [] },
    drainTimeoutMs: 0, forwardsLogs: true, maxStaleMs: null,
  },
  [{ listenerId, chainPem: read("server.pem"), keyPem: read("server.key") }],
);
if (!result.ok) throw new Error(JSON.stringify(result.problems));
const stop = async (): Promise<void> => {
  await group.close();
  process.exit(0);
};
process.stdin.on("end", () => void stop()).resume();
process.on("SIGTERM", () => void stop());
