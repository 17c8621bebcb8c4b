/** Refusals, tunnels, agents' log lines and audit events. */
import { refusalCodes } from "../../contract/error-codes.ts";
import { recordAudit } from "../../server/services/audit/record.ts";
import { systemCaller } from "../../server/services/caller.ts";
import { minutesBefore, type Seed } from "./demo.ts";

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

/** Through the real recorder, so that the hash chain holds. */
async function writeAudit(seed: Seed): Promise<void> {
  const { db, organisationId, rows } = seed;
  const caller = { ...systemCaller(organisationId, "demo-data"), db };
  await db.$transaction(
    async (tx) => {
      for (let index = 0; index < rows; index += 1) {
        await recordAudit(tx, caller, { action: index % 3 === 0 ? "policy.update" : "agent.revoke", target: { kind: index % 3 === 0 ? "policy" : "agent", id: seed.random.uuid(), name: `Demo object ${index + 1}` }, changes: [{ path: "note", before: "", after: `change ${index + 1}` }] });
      }
    },
    { timeout: 60_000 },
  );
}
