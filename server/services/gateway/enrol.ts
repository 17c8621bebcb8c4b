/** Enrolment of a gateway: a one-time token and a CSR become its identity. Token, certificate and audit row are one transaction; repeating it with the same key answers the same (T19). */
import type { z } from "zod";
import type { GatewayEnrolmentReply, gatewayEnrolment } from "../../../contract/enrolment.ts";
import { formatIdentity } from "../../../contract/names.ts";
import type { Db, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { issueFromCsr, readRequest } from "../certificate/issue.ts";
import { publishLive, wake } from "../change/publish.ts";
import { recordSpent, spendToken } from "../token/spend.ts";
import { gatewayCaller } from "./gateway-caller.ts";

/** What is known of somebody who has no certificate yet. */
export type Stranger = { db: Db; source: string | null; requestId: string };

/** Throws `token-refused`, `csr-refused`, `key-reused` or `rate-limited`. */
export async function enrolGateway(stranger: Stranger, input: z.infer<typeof gatewayEnrolment>, now: Date = new Date()): Promise<GatewayEnrolmentReply> {
  const { publicKeySha256 } = await readRequest(input.csrPem);
  return await stranger.db.$transaction(async (tx) => {
    const { token, previousCertificateId } = await spendToken(tx, { kind: "gateway", secret: input.secret, publicKeySha256, source: stranger.source });
    const gateway = await findGateway(tx, token.organisationId, token.gatewayId);
    if (previousCertificateId !== null) return await replyOf(tx, gateway, previousCertificateId);
    const caller = gatewayCaller(gateway, stranger);
    const certificateId = await issueIdentity(tx, caller, gateway, input.csrPem);
    await recordSpent(tx, { tokenId: token.id, publicKeySha256, certificateId });
    await tx.gateway.update({ where: { id: gateway.id }, data: { enrolledAt: now, softwareVersion: input.version } });
    await recordAudit(tx, caller, { action: "gateway.enrol", target: { kind: "gateway", id: gateway.id, name: gateway.name }, changes: [{ path: "hostname", before: null, after: input.hostname }] });
    await publishLive(tx, gateway.organisationId, { topic: "gateway", id: gateway.id });
    return await replyOf(tx, gateway, certificateId);
  });
}

type EnrolledGateway = { id: string; name: string; organisationId: string };

async function findGateway(tx: Tx, organisationId: string, gatewayId: string | null): Promise<EnrolledGateway> {
  const gateway = gatewayId === null ? null : await tx.gateway.findFirst({ where: { id: gatewayId, organisationId }, select: { id: true, name: true, organisationId: true } });
  if (!gateway) throw new ConsoleError("token-refused", "The gateway that this token is for was deleted; make a new gateway and a new token.");
  return gateway;
}

/** The newest enrolment wins: an earlier certificate of this gateway ends, and with it the channel that uses it. Two machines never share one identity (T22). */
async function issueIdentity(tx: Tx, caller: Caller, gateway: EnrolledGateway, csrPem: string): Promise<string> {
  const ended = await tx.certificate.updateMany({
    where: { organisationId: gateway.organisationId, gatewayId: gateway.id, purpose: "gateway-control", isCurrent: true },
    data: { isCurrent: false, revokedAt: new Date() },
  });
  if (ended.count > 0) await wake(tx, { organisationId: gateway.organisationId, kind: "snapshot", gatewayId: gateway.id });
  const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: gateway.organisationId }, select: { trustDomain: true } });
  const identity = formatIdentity({ trustDomain, organisationId: gateway.organisationId, kind: "gateway", id: gateway.id });
  const issued = await issueFromCsr(tx, caller, { purpose: "gateway-control", csrPem, identity, commonName: gateway.name, gatewayId: gateway.id });
  return issued.certificateId;
}

async function replyOf(tx: Tx, gateway: EnrolledGateway, certificateId: string): Promise<GatewayEnrolmentReply> {
  const certificate = await tx.certificate.findFirst({
    where: { id: certificateId, organisationId: gateway.organisationId, gatewayId: gateway.id, purpose: "gateway-control", isCurrent: true, revokedAt: null },
    select: { chainPem: true, organisation: { select: { trustDomain: true } } },
  });
  if (!certificate) throw new ConsoleError("token-refused", "This token was used already and the identity it gave has been replaced since; make a new token.");
  const { caPem } = await trustAnchors(tx, gateway.organisationId);
  return { gatewayId: gateway.id, name: gateway.name, organisationId: gateway.organisationId, trustDomain: certificate.organisation.trustDomain, certificateChainPem: certificate.chainPem, caPem };
}
