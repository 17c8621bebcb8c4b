/** Agents in every state and on every path, with inventory, certificates and groups. */
import type { Inventory } from "../../contract/agent-site.ts";
import type { Prisma } from "../../server/db.ts";
import { writeAgentAccess } from "../../server/services/access/write-entries.ts";
import { minutesBefore, numbered, type Seed, towns } from "./seed.ts";

const systems = [{ platform: "linux-x64", osName: "Debian GNU/Linux", osVersion: "13" }, { platform: "linux-x64", osName: "Ubuntu", osVersion: "26.04" }, { platform: "linux-x64", osName: "Fedora Linux", osVersion: "45" }] as const;
const kinds = ["laptop", "desktop", "kiosk", "till", "scanner"] as const;

export async function seedAgents(seed: Seed): Promise<{ agentIds: string[]; groupIds: string[] }> {
  const { db, organisationId, rows, random } = seed;
  const agents = Array.from({ length: rows }, (_unused, index) => describeAgent(seed, index));
  await db.agent.createMany({ data: agents });
  await db.certificate.createMany({ data: agents.filter((agent) => agent.enrolledAt !== null).map((agent) => certificateOf(seed, agent.id)) });
  const groups = Array.from({ length: rows }, (_unused, index) => {
    const name = numbered(`${towns[(index * 7) % towns.length]} staff`, index, rows);
    return { id: random.uuid(), organisationId, name, nameKey: name.toLowerCase(), kind: "static" as const, createdAt: minutesBefore(seed, random.below(300_000)) };
  });
  await db.agentGroup.createMany({ data: groups });
  const groupIds = groups.map((group) => group.id);
  await db.agentGroupMember.createMany({ data: agents.flatMap((agent, index) => (index % 10 === 9 ? [] : [...new Set([groupIds[index % rows], groupIds[0]])].flatMap((groupId) => (groupId ? [{ agentId: agent.id, groupId }] : [])))) });
  await db.$transaction((tx) => writeAgentAccess(tx, organisationId, agents.map((agent) => agent.id)));
  return { agentIds: agents.map((agent) => agent.id), groupIds };
}

function describeAgent(seed: Seed, index: number) {
  const { random, organisationId, rows } = seed;
  const hostname = `${random.pick(kinds)}-${String(index + 1).padStart(4, "0")}`;
  const system = random.pick(systems);
  const state = rows <= 3 ? (["gateway", "lan", "offline"] as const)[index % 3] ?? "lan" : random.pick(["gateway", "gateway", "gateway", "lan", "lan", "late", "offline", "offline", "pending", "revoked"] as const);
  const path = state === "gateway" ? { kind: "gateway", gatewayId: random.uuid(), name: `gw${(index % 3) + 1}` } : state === "lan" ? { kind: "lan" } : { kind: "none" };
  const lastSeenAt = state === "pending" ? null : minutesBefore(seed, state === "offline" || state === "revoked" ? 60 + random.below(90_000) : state === "late" ? 5 : 0);
  const addresses = [`10.${index % 250}.4.${(index % 240) + 10}`, `fe80::${random.hex(4)}`];
  return {
    id: random.uuid(), organisationId, hostname, ...system, architecture: "x64", addresses, softwareVersion: "0.1.0", path, step: path.kind === "none" ? "idle" : "fully-connected",
    enrolledAt: state === "pending" ? null : minutesBefore(seed, 100_000 + random.below(100_000)), revokedAt: state === "revoked" ? minutesBefore(seed, 30) : null, lastSeenAt, policyRevision: 3, clockSkewMs: random.below(400) - 200,
    attempts: attemptsOf(seed, path.kind), inventory: inventoryOf(seed, { hostname, addresses, ...system }) as Prisma.InputJsonValue, inventoryAt: lastSeenAt, createdAt: minutesBefore(seed, 200_000 - index),
  };
}

function attemptsOf(seed: Seed, kind: string): Prisma.InputJsonValue {
  if (kind !== "gateway") return [];
  return [
    { at: minutesBefore(seed, 2).toISOString(), path: { kind: "lan" }, step: "tcp", code: "lan-unreachable", detail: "no answer from the management server", connectionId: null },
    { at: minutesBefore(seed, 1).toISOString(), path: { kind: "gateway", gatewayId: seed.random.uuid(), name: "gw1" }, step: "fully-connected", code: null, detail: "connected", connectionId: seed.random.hex(12) },
  ];
}

function inventoryOf(seed: Seed, agent: { hostname: string; addresses: string[]; platform: string; osName: string; osVersion: string }): Inventory {
  const { random } = seed;
  return {
    collectedAt: minutesBefore(seed, 20).toISOString(), hostname: agent.hostname, platform: agent.platform, osName: agent.osName, osVersion: agent.osVersion, architecture: "x64", cpuModel: "Example CPU 8-Core", cpuCount: 8, memoryBytes: 16 * 1_073_741_824, uptimeSeconds: 3_600 * (1 + random.below(400)), cloudInstanceId: null,
    addresses: agent.addresses.map((address) => ({ interface: "eth0", address, mac: `02:${random.hex(2)}:${random.hex(2)}:${random.hex(2)}:${random.hex(2)}:${random.hex(2)}` })),
    disks: [{ mount: "/", totalBytes: 512e9, freeBytes: 1e9 * random.below(400) }], packages: [{ name: "bash", version: "5.3" }, { name: "openssl", version: "3.6.1" }], agentVersion: "0.1.0",
  };
}

function certificateOf({ organisationId, random, ...rest }: Seed, agentId: string) {
  const seed = { organisationId, random, ...rest };
  return { organisationId, agentId, purpose: "agent", subject: `CN=${agentId}`, names: [], issuer: "CN=Issuing CA", serial: random.hex(32), keyType: "EC P-256", fingerprint: random.hex(64), thumbprintSha1: random.hex(40), publicKeySha256: random.hex(64), notBefore: minutesBefore(seed, 100_000), notAfter: minutesBefore(seed, -random.below(400_000)), pem: "", chainPem: "" };
}
