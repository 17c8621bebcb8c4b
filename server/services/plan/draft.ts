/** Turns a form into the values that the rules look at: fields as given, pool, certificates and gateways from the database, each of this organisation or not found. */
import type { z } from "zod";
import type { poolCreate, servicePlanInput } from "../../../contract/service-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { agentsOfNames } from "../virtual-service/stamp.ts";
import type { CertificateFacts, MemberFacts, PoolFacts, ServiceFacts } from "../lint/facts.ts";
import { goneNames } from "../lint/name-rules.ts";
import { certificateColumns, certificateFactsOf, poolColumns, poolFactsOf } from "../lint/service-rows.ts";

type Input = z.infer<typeof servicePlanInput>;

export async function draftOf(caller: Caller, input: Input, known: { roots: readonly string[]; saved: ServiceFacts | undefined }): Promise<ServiceFacts> {
  const { id, version: _version, note: _note, limits: _limits, poolId, pool, gatewayIds, certificateIds, ...fields } = input;
  await demandGateways(caller, gatewayIds);
  const { saved } = known;
  const before = saved ? { stampName: saved.stampName, serverNames: saved.serverNames } : null;
  const gone = goneNames({ ...fields, before: before && { ...before, agents: 0 } });
  return {
    ...fields, id: id ?? null, gatewayIds,
    certificates: await certificatesOf(caller, certificateIds, known.roots),
    pool: await poolOf(caller, { poolId, pool, saved: saved?.pool }),
    before: before && { ...before, agents: await agentsOfNames(caller.db, caller.organisationId, gone) },
  };
}

async function demandGateways(caller: Caller, ids: readonly string[]): Promise<void> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, id: { in: [...ids] } }, select: { id: true } });
  const missing = ids.find((id) => !rows.some((row) => row.id === id));
  if (missing !== undefined) throw notFound("gateway", missing);
}

async function certificatesOf(caller: Caller, ids: readonly string[], roots: readonly string[]): Promise<CertificateFacts[]> {
  const rows = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, id: { in: [...ids] } }, select: certificateColumns });
  return ids.map((id) => {
    const row = rows.find((candidate) => candidate.id === id);
    if (!row) throw notFound("certificate", id);
    return certificateFactsOf(row, roots);
  });
}

type PoolChoice = { poolId: string | undefined; pool: z.infer<typeof poolCreate> | undefined; saved: PoolFacts | undefined };

/** The described pool when there is one (health of members that exist is kept), else the chosen one, else the saved service's. */
async function poolOf(caller: Caller, { poolId, pool, saved }: PoolChoice): Promise<PoolFacts> {
  const stored = poolId === undefined ? saved : await storedPool(caller, poolId);
  if (!pool) return stored ?? { id: null, name: "new pool", scheduling: "failover", failsBack: true, isSessionBound: false, healthCheck: { kind: "tcp", intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null }, passiveCheck: { failures: 3, holdMs: 10_000 }, members: [] };
  const { note: _note, members, ...fields } = pool;
  return { ...fields, id: stored?.id ?? null, members: members.map((member) => withHealth(member, stored?.members ?? [])) };
}

async function storedPool(caller: Caller, id: string): Promise<PoolFacts> {
  const row = await caller.db.pool.findFirst({ where: { id, organisationId: caller.organisationId }, select: poolColumns });
  if (!row) throw notFound("pool", id);
  return poolFactsOf(row);
}

/** What is known of a member stays true only while it is the same host and port. */
function withHealth(member: z.infer<typeof poolCreate>["members"][number], stored: readonly MemberFacts[]): MemberFacts {
  const { id, ...fields } = member;
  const same = stored.find((other) => other.host === member.host && other.port === member.port);
  return { ...fields, id: id ?? same?.id ?? null, health: same?.health ?? "unknown", certificate: same?.certificate ?? null };
}
