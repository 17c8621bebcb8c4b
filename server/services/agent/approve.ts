/** Approves an agent that waits (S4-34): from then on gateways let it through, its policy names gateways and services, and its channel may open. */
import { notFound } from "../../errors.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

/** Approving one that does not wait changes nothing. */
export async function approveAgent(caller: Caller, input: { id: string }, now: Date = new Date()): Promise<{ id: string }> {
  const { organisationId } = caller;
  return writeInOrganisation(caller, async (tx) => {
    const agent = await tx.agent.findFirst({ where: { id: input.id, organisationId }, select: { hostname: true, awaitsApproval: true, certificates: { where: { purpose: "agent", isCurrent: true, revokedAt: null }, select: { fingerprint: true }, orderBy: { createdAt: "desc" }, take: 1 } } });
    if (!agent) throw notFound("agent", input.id);
    if (!agent.awaitsApproval) return { id: input.id };
    await tx.agent.updateMany({ where: { id: input.id, organisationId }, data: { awaitsApproval: false, approvedAt: now, approvedByName: caller.actor.name } });
    await writeAgentAccess(tx, organisationId, [input.id]);
    await recordAudit(tx, caller, { action: "agent.approve", target: { kind: "agent", id: input.id, name: agent.hostname }, changes: [{ path: "fingerprint", before: null, after: agent.certificates[0]?.fingerprint ?? null }] });
    await publishLive(tx, organisationId, { topic: "agent", id: input.id });
    return { id: input.id };
  });
}
