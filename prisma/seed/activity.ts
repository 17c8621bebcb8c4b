/** Refusals, tunnels, agents' log lines and audit events. */
import { refusalCodes } from "../../contract/error-codes.ts";
import { hashAudit } from "../../server/services/audit/record.ts";
import { minutesBefore, type Seed } from "./seed.ts";

type Objects = { gatewayIds: readonly string[]; agentIds: readonly string[]; serverIds: readonly string[] };

export async function seedActivity(seed: Seed, objects: Objects): Promise<number> {
  const { db, organisationId, rows, random } = seed;
  await db.refusal.createMany({ data: Array.from({ length: rows }, (_unused, index) => refusalOf(seed, objects, index)) });
  const [gatewayId] = objects.gatewayIds;
  const [serverId] = objects.serverIds;
  if (gatewayId && serverId) {
    await db.tunnel.createMany({ data: objects.agentIds.slice(0, 200).map((agentId, index) => ({ connectionId: random.uuid(), organisationId, gatewayId, agentId, serverId, source: `198.51.100.${index % 250}`, step: "proxying", openedAt: minutesBefore(seed, 30 + index), lastByteAt: minutesBefore(seed, index % 5), bytesUp: BigInt(random.below(9_000_000)), bytesDown: BigInt(random.below(90_000_000)), endedAt: index % 3 === 2 ? minutesBefore(seed, 1) : null, endReason: index % 3 === 2 ? "client closed" : null })) });
  }
  await db.agentLog.createMany({ data: objects.agentIds.slice(0, 50).flatMap((agentId) => Array.from({ length: 6 }, (_unused, index) => ({ agentId, at: minutesBefore(seed, index * 3), line: `${minutesBefore(seed, index * 3).toISOString()} info path gateway gw1 step fully-connected connection ${random.hex(12)}` }))) });
  await writeAudit(seed);
  return rows;
}

function refusalOf(seed: Seed, objects: Objects, index: number) {
  const { organisationId, random } = seed;
  const code = index < refusalCodes.length ? refusalCodes[index] ?? "policy-none" : random.pick(["certificate-expired", "policy-none", "certificate-superseded", "target-host", "tls-not-tls"] as const);
  const hasCertificate = code.startsWith("certificate-") && code !== "certificate-missing";
  return {
    id: random.uuid(), organisationId, gatewayId: random.pick(objects.gatewayIds), at: minutesBefore(seed, random.below(1_600)), code, detail: "refused in the demo data", connectionId: random.hex(12), source: `203.0.113.${random.below(250)}`,
    target: code.startsWith("target-") ? "files.corp.example.com:445" : null, agentId: hasCertificate || code.startsWith("policy-") ? random.pick(objects.agentIds) : null, count: 1 + random.below(4),
    ...(hasCertificate ? { certificate: { subject: "CN=laptop-0042", issuer: "CN=Issuing CA", serial: random.hex(32), fingerprint: random.hex(64), notBefore: "2025-01-01T00:00:00.000Z", notAfter: "2026-01-01T00:00:00.000Z", identity: null } } : {}),
  };
}

/** Events with the recorder's own hash, so that the chain holds; written in one statement. */
async function writeAudit(seed: Seed): Promise<void> {
  const { db, organisationId, rows, random } = seed;
  const { auditHash } = await db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { auditHash: true } });
  let previousHash = auditHash;
  const events = Array.from({ length: rows }, (_unused, index) => {
    const isPolicy = index % 3 === 0;
    const event = {
      organisationId, at: minutesBefore(seed, rows - index), actorKind: "system", actorId: "demo-data", actorName: "Demo data", action: isPolicy ? "policy.update" : "agent.revoke", targetKind: isPolicy ? "policy" : "agent", targetId: random.uuid(),
      targetName: `Demo object ${index + 1}`, changes: [{ path: "note", before: "", after: `change ${index + 1}` }], requestId: `demo-${index + 1}`, source: null, previousHash,
    };
    previousHash = hashAudit(event);
    return { ...event, hash: previousHash };
  });
  await db.auditEvent.createMany({ data: events });
  await db.organisation.update({ where: { id: organisationId }, data: { auditHash: previousHash } });
}
