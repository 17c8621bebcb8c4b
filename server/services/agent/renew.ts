/**
 * A new certificate for an agent that proves its present one. Both are current until the new one has spoken (presence.ts), so that a lost answer strands nobody;
 * asking again with the same key gets the same certificate.
 */
import type { AgentEnrolmentReply } from "../../../contract/enrolment.ts";
import { formatIdentity } from "../../../contract/names.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { issueFromCsr, readRequest } from "../certificate/issue.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

/** Certificates of one agent that may be current at once: the present one, a renewal whose answer was lost, and one more. */
const currentMax = 4;

/** The caller is the agent itself; `agentId` comes from its certificate. Throws `csr-refused`, `key-reused` or `rate-limited`. */
export async function renewAgent(caller: Caller, agentId: string, input: { csrPem: string }): Promise<AgentEnrolmentReply> {
  const { publicKeySha256 } = await readRequest(input.csrPem);
  return writeInOrganisation(caller, async (tx) => {
    const { organisationId } = caller;
    const agent = await tx.agent.findFirst({ where: { id: agentId, organisationId, revokedAt: null }, select: { hostname: true, organisation: { select: { trustDomain: true } } } });
    if (!agent) throw notFound("agent", agentId);
    const { trustDomain } = agent.organisation;
    const { caPem } = await trustAnchors(tx, organisationId);
    const current = await tx.certificate.findMany({ where: { organisationId, agentId, purpose: "agent", isCurrent: true, revokedAt: null }, select: { chainPem: true, publicKeySha256: true } });
    const known = current.find((certificate) => certificate.publicKeySha256 === publicKeySha256);
    if (known) return { agentId, organisationId, trustDomain, certificateChainPem: known.chainPem, caPem };
    if (current.length >= currentMax) throw new ConsoleError("rate-limited", `The agent has ${current.length} certificates that are still current; it uses the newest first.`);
    const identity = formatIdentity({ trustDomain, organisationId, kind: "agent", id: agentId });
    const issued = await issueFromCsr(tx, caller, { purpose: "agent", csrPem: input.csrPem, identity, commonName: agent.hostname, agentId });
    await writeAgentAccess(tx, organisationId, [agentId]);
    await recordAudit(tx, caller, { action: "agent.certificate.renew", target: { kind: "agent", id: agentId, name: agent.hostname }, changes: [{ path: "fingerprint", before: null, after: issued.fingerprint }] });
    await publishLive(tx, organisationId, { topic: "agent", id: agentId });
    return { agentId, organisationId, trustDomain, certificateChainPem: issued.chainPem, caPem };
  });
}
