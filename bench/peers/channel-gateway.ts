/**
 * A gateway without a console, for agent channels: one stream engine, and the supervisor's inside listener beside it. Its settings come as files in a folder; it
 * prints one line when it serves and ends with standard input.
 */
import { readFileSync } from "node:fs";
import type { AccessEntry } from "../../contract/access.ts";
import { listenerLimits, type Snapshot } from "../../contract/snapshot.ts";
import { Reach } from "../../gateway-worker/reach/reach.ts";
import { EngineGroup } from "../../gateway-worker/supervisor/engines.ts";
import { type ChannelBenchFiles, gatewayId } from "../channel-pki.ts";
import { groupId, organisationId, trustDomain } from "../pki.ts";

const job = JSON.parse(process.argv[2] ?? "{}") as { dir: string; port: number; insidePort: number; runtime: "bun" | "node" };
const files = JSON.parse(readFileSync(`${job.dir}/channel.json`, "utf8")) as ChannelBenchFiles;
const certificate = { chainPem: files.server.chainPem, keyPem: files.server.keyPem };
const listenerId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0010";
const imported = { kind: "imported", fingerprint: "0".repeat(64), ...certificate } as const;

const ignore = (): void => undefined;
const group = new EngineGroup({ runtime: job.runtime, count: 1, onTunnels: ignore, onStatus: ignore, onLog: ignore, onRefusals: (refusals) => refusals.forEach((refusal) => process.stderr.write(`refused: ${refusal.code} ${refusal.detail}\n`)) });
const reach = new Reach({
  gatewayId, organisationId, trustDomain,
  identity: { certificateChainPem: certificate.chainPem, keyPem: certificate.keyPem, caPem: files.caPem },
  authorise: () => Promise.reject(new Error("there is no console")),
  locate: () => Promise.reject(new Error("there is no console")),
  socketOf: (agentId) => group.reachSocketOf(agentId),
  channelOf: (agentId) => group.channels.of(agentId)?.channelId,
  whyEnded: (agentId) => group.channels.whyEnded(agentId),
  onSessions: ignore, onLog: ignore,
  onRefusals: (refusals) => refusals.forEach((refusal) => process.stderr.write(`refused: ${refusal.code} ${refusal.detail}\n`)),
});

const snapshot: Snapshot = {
  format: 3, revision: 1, builtAt: new Date().toISOString(), organisationId, gatewayId, gatewayName: "bench", trustDomain, clientTrustAnchorsPem: [files.caPem],
  listeners: [{ id: listenerId, address: "127.0.0.1", port: job.port, mode: { kind: "connect" }, certificate: imported, algorithms: "standard", acceptProxy: { kind: "off" }, limits: listenerLimits.parse({ handshakesPerSourceMax: 10_000, handshakesMax: 10_000, idleTimeoutMs: 3_600_000 }) }],
  servers: [], policies: [{ id: "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0013", name: "bench", isEnabled: true, namesThisGateway: true, groupIds: [groupId] }], virtualServices: [], pools: [],
  inside: { id: "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0014", address: "127.0.0.1", port: job.insidePort, certificate: imported, connectionsMax: 2_000 },
  peers: [], relays: [], consoleKeys: { signing: [files.consoleKey], encryption: [] }, drainTimeoutMs: 0, forwardsLogs: true, maxStaleMs: null,
};

await group.start();
await group.access({ version: 1, complete: true, entries: files.agents.map((agent): AccessEntry => ({ version: 1, kind: "agent", id: agent.id, status: "active", fingerprints: [agent.fingerprint], groupIds: [groupId], expiresAt: null })) }, true);
const applied = await group.apply(snapshot, [{ listenerId, ...certificate }]);
if (!applied.ok) throw new Error(JSON.stringify(applied.problems));
const inside = await reach.prepare(snapshot, certificate);
if (!inside.ok) throw new Error(inside.problem.message);
reach.commit(snapshot, inside.prepared);
process.stdout.write(`${group.status().engines[0]?.pid ?? 0}\n`);

const stop = async (): Promise<void> => {
  reach.close();
  await group.close();
  process.exit(0);
};
process.stdin.on("end", () => void stop()).resume();
process.on("SIGTERM", () => void stop());
