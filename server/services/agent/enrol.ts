/**
 * Enrolment of an agent: a one-time token and a CSR become an identity (T19, T20, T22). Token, agent, certificate, groups, access entry, bundle use and
 * audit row are one transaction; the same token with the same key gets the same certificate again, so that a lost reply loses nothing.
 */
import type { AgentEnrolment, AgentEnrolmentReply } from "../../../contract/enrolment.ts";
import { formatIdentity } from "../../../contract/names.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { applyGroupRules } from "../agent-group/apply-group-rules.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { issueFromCsr, readRequest } from "../certificate/issue.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { recordSpent, type SpentToken, spendToken } from "../token/spend.ts";

/** What the connection proved about the caller before enrolment: nothing, a bundle's bootstrap identity, or an agent's own. */
export type PresentedIdentity = { kind: "none" } | { kind: "bundle"; bundleId: string } | { kind: "agent"; agentId: string };

/** Throws `token-refused`, `csr-refused`, `key-reused` or `rate-limited`. */
export async function enrolAgent(caller: Caller, input: AgentEnrolment, presented: PresentedIdentity, now: Date = new Date()): Promise<AgentEnrolmentReply> {
  const { publicKeySha256 } = await readRequest(input.csrPem);
  return writeInOrganisation(caller, async (tx) => {
    const { token, previousCertificateId } = await spendToken(tx, { kind: "agent", secret: input.secret, publicKeySha256, organisationId: caller.organisationId, source: caller.source });
    // A token of another bundle than the certificate on this connection is refused like an unknown one.
    if (presented.kind === "bundle" && token.bundleId !== presented.bundleId) throw new ConsoleError("token-refused");
    if (previousCertificateId !== null) return replyOf(tx, caller.organisationId, previousCertificateId);
    // The use was counted with the token. Gateways keep letting a used-up bundle pass until the new agent has spoken (presence.ts): the reply may be lost.
    if (token.bundleId !== null) await publishLive(tx, caller.organisationId, { topic: "bundle", id: token.bundleId });
    const agentId = await placeAgent(tx, caller, input, { token, presented, now });
    const certificate = await issueCertificateFor(tx, caller, { agentId, csrPem: input.csrPem, hostname: input.hostname });
    await recordSpent(tx, { tokenId: token.id, publicKeySha256, certificateId: certificate.certificateId });
    await joinGroups(tx, caller.organisationId, agentId, token.groupIds);
    await applyGroupRules(tx, caller.organisationId, [agentId]);
    await writeAgentAccess(tx, caller.organisationId, [agentId]);
    await recordAudit(tx, caller, { action: "agent.enrol", target: { kind: "agent", id: agentId, name: input.hostname }, changes: [{ path: "fingerprint", before: null, after: certificate.fingerprint }] });
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
    return replyOf(tx, caller.organisationId, certificate.certificateId);
  });
}

/** Keeps the agent's id when the token names it or the certificate on this connection proves it; makes a new agent otherwise, which waits for approval where the organisation wants that (S4-34). */
async function placeAgent(tx: Tx, caller: Caller, input: AgentEnrolment, facts: { token: SpentToken; presented: PresentedIdentity; now: Date }): Promise<string> {
  const data = { hostname: input.hostname, platform: input.platform, softwareVersion: input.version, enrolledAt: facts.now };
  const proven = facts.presented.kind === "agent" && facts.presented.agentId === input.previousAgentId ? facts.presented.agentId : null;
  const agentId = facts.token.agentId ?? proven;
  if (agentId !== null) {
    // A token that names a revoked agent is an administrator's decision to take it back; its old certificates stay revoked.
    const readmit = facts.token.agentId === null ? {} : { revokedAt: null };
    const { count } = await tx.agent.updateMany({ where: { id: agentId, organisationId: caller.organisationId, ...(facts.token.agentId === null ? { revokedAt: null } : {}) }, data: { ...data, ...readmit, instance: null, instancePrevious: null, instanceAt: null } });
    if (count === 1) return agentId;
    throw new ConsoleError("token-refused", "The agent that this token re-enrols was deleted; ask for a new token.");
  }
  const { approvesAgents: awaitsApproval } = await tx.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { approvesAgents: true } });
  const created = await tx.agent.create({ data: { ...data, awaitsApproval, organisationId: caller.organisationId, addresses: [], bundleId: facts.token.bundleId }, select: { id: true } });
  return created.id;
}

async function issueCertificateFor(tx: Tx, caller: Caller, subject: { agentId: string; csrPem: string; hostname: string }): ReturnType<typeof issueFromCsr> {
  const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { trustDomain: true } });
  const identity = formatIdentity({ trustDomain, organisationId: caller.organisationId, kind: "agent", id: subject.agentId });
  return issueFromCsr(tx, caller, { purpose: "agent", csrPem: subject.csrPem, identity, commonName: subject.hostname, agentId: subject.agentId });
}

/** Groups that were deleted since the token was made are left out. */
async function joinGroups(tx: Tx, organisationId: string, agentId: string, groupIds: readonly string[]): Promise<void> {
  const groups = await tx.agentGroup.findMany({ where: { organisationId, kind: "static", id: { in: [...groupIds] } }, select: { id: true } });
  await tx.agentGroupMember.createMany({ data: groups.map((group) => ({ groupId: group.id, agentId })), skipDuplicates: true });
}

async function replyOf(tx: Tx, organisationId: string, certificateId: string): Promise<AgentEnrolmentReply> {
  const certificate = await tx.certificate.findFirst({ where: { id: certificateId, organisationId }, select: { agentId: true, chainPem: true, organisation: { select: { trustDomain: true } } } });
  if (!certificate?.agentId) throw new ConsoleError("token-refused");
  const { caPem } = await trustAnchors(tx, organisationId);
  return {
    agentId: certificate.agentId,
    organisationId,
    trustDomain: certificate.organisation.trustDomain,
    certificateChainPem: certificate.chainPem,
    caPem,
  };
}
