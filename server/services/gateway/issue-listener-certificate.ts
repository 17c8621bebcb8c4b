/** What a gateway's listener presents: a self-signed certificate is stored so that people can see and pin it, a request is signed by the issuing CA. The key stays on the gateway. */
import type { z } from "zod";
import type { listenerCertificateReply, listenerCertificateRequest } from "../../../contract/control.ts";
import type { Prisma, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { readCertificate, type CertificateFacts } from "../../pki/certificate-facts.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { issueFromCsr } from "../certificate/issue.ts";
import { storeCertificate, type StoredCertificate } from "../certificate/store.ts";
import { bumpPolicyRevision, publishLive } from "../change/publish.ts";

type Request = z.infer<typeof listenerCertificateRequest>;
type Reply = z.infer<typeof listenerCertificateReply>;

const columns = { id: true, name: true, publicNames: true, certificateKind: true, certificateGeneration: true } satisfies Prisma.GatewaySelect;
type GatewayRow = Prisma.GatewayGetPayload<{ select: typeof columns }>;

/** Throws `identity-refused` for a listener that is not the gateway's, `changed-meanwhile` when the console asks for another certificate by now. */
export async function issueListenerCertificate(caller: Caller, request: Request): Promise<Reply> {
  return await caller.db.$transaction(async (tx) => {
    if (request.kind === "ca-issued" && (await hasInsideListener(tx, caller, request.listenerId))) return await signInside(tx, caller, request);
    const gateway = await tx.gateway.findFirst({ where: { id: caller.actor.id, organisationId: caller.organisationId, listeners: { some: { id: request.listenerId } } }, select: columns });
    if (!gateway) throw new ConsoleError("identity-refused", "This listener does not belong to this gateway.");
    if (gateway.certificateKind !== request.kind || gateway.certificateGeneration !== request.generation) {
      throw new ConsoleError("changed-meanwhile", `The console asks for a ${gateway.certificateKind} certificate of generation ${gateway.certificateGeneration} by now; a newer snapshot is on its way.`);
    }
    const stored = request.kind === "self-signed" ? await storeSelfSigned(tx, caller, gateway, request.certificatePem) : await signRequest(tx, caller, gateway, request.csrPem);
    await present(tx, caller, gateway, stored);
    return { chainPem: stored.chainPem };
  });
}

async function hasInsideListener(tx: Tx, caller: Caller, listenerId: string): Promise<boolean> {
  return (await tx.gateway.count({ where: { id: caller.actor.id, organisationId: caller.organisationId, insideListenerId: listenerId, insideAddress: { not: null } } })) === 1;
}

/** Certificates of the inside listener are pinned by nobody and shown nowhere else: clients inside trust the organisation's CA. */
async function signInside(tx: Tx, caller: Caller, request: Extract<Request, { kind: "ca-issued" }>): Promise<Reply> {
  const gateway = await tx.gateway.findFirstOrThrow({ where: { id: caller.actor.id, organisationId: caller.organisationId }, select: { id: true, name: true, insideNames: true } });
  const stored = await issueFromCsr(tx, caller, {
    purpose: "gateway-inside", csrPem: request.csrPem, identity: null, names: gateway.insideNames, commonName: gateway.insideNames[0] ?? gateway.name, gatewayId: gateway.id,
    audit: { kind: "gateway", id: gateway.id, name: gateway.name },
  });
  await tx.certificate.updateMany({ where: { organisationId: caller.organisationId, gatewayId: gateway.id, purpose: "gateway-inside", id: { not: stored.certificateId } }, data: { isCurrent: false } });
  return { chainPem: stored.chainPem };
}

async function storeSelfSigned(tx: Tx, caller: Caller, gateway: GatewayRow, pem: string): Promise<StoredCertificate> {
  const facts = readFacts(pem);
  const known = await tx.certificate.findFirst({
    where: { organisationId: caller.organisationId, fingerprint: facts.fingerprint, purpose: "gateway-listener", gatewayId: gateway.id },
    select: { id: true, pem: true, chainPem: true, fingerprint: true },
  });
  if (known) return { certificateId: known.id, pem: known.pem, chainPem: known.chainPem, fingerprint: known.fingerprint };
  return await storeCertificate(tx, { organisationId: caller.organisationId, purpose: "gateway-listener", pem, chainPem: pem, owner: { gatewayId: gateway.id } });
}

function readFacts(pem: string): CertificateFacts {
  let facts: CertificateFacts;
  try {
    facts = readCertificate(pem);
  } catch (cause) {
    throw new ConsoleError("certificate-unreadable", "The listener certificate cannot be read.", { cause });
  }
  if (facts.isCa || facts.weakness !== null) throw new ConsoleError("certificate-not-usable", `The listener certificate cannot serve: ${facts.weakness ?? "it is a CA certificate"}.`);
  return facts;
}

async function signRequest(tx: Tx, caller: Caller, gateway: GatewayRow, csrPem: string): Promise<StoredCertificate> {
  return await issueFromCsr(tx, caller, { purpose: "gateway-listener", csrPem, identity: null, names: gateway.publicNames, commonName: gateway.publicNames[0] ?? gateway.name, gatewayId: gateway.id });
}

/** From now on this is what people see and pin; earlier ones of this gateway are history. Agents are told, because their policies carry what gateways present. */
async function present(tx: Tx, caller: Caller, gateway: GatewayRow, stored: StoredCertificate): Promise<void> {
  await tx.certificate.updateMany({ where: { organisationId: caller.organisationId, gatewayId: gateway.id, purpose: "gateway-listener", id: { not: stored.certificateId } }, data: { isCurrent: false } });
  await tx.certificate.update({ where: { id: stored.certificateId }, data: { isCurrent: true } });
  await tx.gateway.update({ where: { id: gateway.id }, data: { presentedCertificateId: stored.certificateId } });
  await recordAudit(tx, caller, { action: "gateway.certificate.present", target: { kind: "gateway", id: gateway.id, name: gateway.name }, changes: [{ path: "fingerprint", before: null, after: stored.fingerprint }] });
  await bumpPolicyRevision(tx, caller.organisationId);
  await publishLive(tx, caller.organisationId, { topic: "gateway", id: gateway.id });
  await publishLive(tx, caller.organisationId, { topic: "certificate", id: stored.certificateId });
}
