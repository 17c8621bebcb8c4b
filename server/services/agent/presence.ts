/**
 * Presence from data-path proof only (N8): an authenticated request on the agent site. The same moment proves a new certificate (the old one then ends)
 * and tells two machines apart that share one identity (T22).
 */
import type { Tx } from "../../db.ts";
import { writeAgentAccess, writeBundleAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

/** A proof younger than this is not written again: 100,000 agents must not mean 100,000 writes a second. */
const touchEveryMs = 15_000;
/** How long an older run of the program stays shut out after a newer one was seen; afterwards the newer one is taken for gone. */
const cloneWindowMs = 15 * 60_000;

export type PresenceProof = { agentId: string; instance: string | null };
export type PresenceVerdict = { kind: "present" } | { kind: "clone" };

type AgentRow = { bundleId: string | null; lastSeenAt: Date | null; instance: string | null; instancePrevious: string | null; instanceAt: Date | null };

/** Records that the agent was here. `clone`: an older run came back while a newer one is alive; the newest wins and the caller refuses this one. */
export async function proveAgent(caller: Caller, proof: PresenceProof, now: Date = new Date()): Promise<PresenceVerdict> {
  const agent = await caller.db.agent.findFirst({
    where: { id: proof.agentId, organisationId: caller.organisationId },
    select: { bundleId: true, lastSeenAt: true, instance: true, instancePrevious: true, instanceAt: true },
  });
  if (!agent) return { kind: "present" };
  if (isOlderRun(agent, proof.instance, now)) return { kind: "clone" };
  const isNewRun = proof.instance !== null && proof.instance !== agent.instance;
  const isStale = agent.lastSeenAt === null || now.getTime() - agent.lastSeenAt.getTime() > touchEveryMs;
  if (isNewRun || isStale) await touch(caller, proof, agent, now);
  return { kind: "present" };
}

function isOlderRun(agent: AgentRow, instance: string | null, now: Date): boolean {
  if (instance === null || agent.instancePrevious !== instance || agent.instance === instance) return false;
  return agent.instanceAt !== null && now.getTime() - agent.instanceAt.getTime() < cloneWindowMs;
}

async function touch(caller: Caller, proof: PresenceProof, agent: AgentRow, now: Date): Promise<void> {
  const { organisationId } = caller;
  const isNewRun = proof.instance !== null && proof.instance !== agent.instance;
  const run = proof.instance === null ? {} : { instance: proof.instance, instanceAt: now, ...(isNewRun ? { instancePrevious: agent.instance } : {}) };
  const write = async (tx: Tx) => {
    await tx.agent.updateMany({ where: { id: proof.agentId, organisationId }, data: { lastSeenAt: now, ...run } });
    if (agent.lastSeenAt === null && agent.bundleId !== null) await endUsedUpBundle(tx, organisationId, agent.bundleId);
    await publishLive(tx, organisationId, { topic: "agent", id: proof.agentId });
  };
  // The first proof may change a bundle's access, which takes the organisation's lock; the usual one needs no lock at all.
  await (agent.lastSeenAt === null ? writeInOrganisation(caller, write) : caller.db.$transaction(write));
}

/** The last agent of a bundle has arrived with an identity of its own: gateways need not let the bundle's bootstrap identity pass any more. */
async function endUsedUpBundle(tx: Tx, organisationId: string, bundleId: string): Promise<void> {
  const bundle = await tx.bundle.findFirst({ where: { id: bundleId, organisationId }, select: { uses: true, usesMax: true } });
  if (bundle && bundle.uses >= bundle.usesMax) await writeBundleAccess(tx, organisationId, [bundleId]);
}

/**
 * The first authenticated request with a newer certificate ends the older ones: until then both are current, so that a lost reply strands nobody.
 * A no-op, and one query, when the agent has a single current certificate.
 */
export async function settleCertificates(caller: Caller, agentId: string, certificateId: string): Promise<void> {
  const current = await caller.db.certificate.findMany({
    where: { organisationId: caller.organisationId, agentId, purpose: "agent", isCurrent: true },
    orderBy: { createdAt: "desc" },
    select: { id: true },
  });
  if (current.length < 2 || current[0]?.id !== certificateId) return;
  await writeInOrganisation(caller, async (tx) => {
    const ended = await tx.certificate.updateMany({ where: { organisationId: caller.organisationId, agentId, purpose: "agent", isCurrent: true, id: { not: certificateId } }, data: { isCurrent: false } });
    if (ended.count === 0) return;
    await writeAgentAccess(tx, caller.organisationId, [agentId]);
    await recordAudit(tx, caller, { action: "agent.certificate.settle", target: { kind: "agent", id: agentId, name: caller.actor.name } });
  });
}
