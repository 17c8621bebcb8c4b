/** A client identity for one check: issued by the organisation's CA, valid for ten minutes, deleted afterwards. */
import { randomUUID } from "node:crypto";
import tls from "node:tls";
import { formatIdentity } from "../../../contract/names.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { issueWithKey } from "../certificate/issue.ts";

export type ProbeIdentity = { certPem: string; keyPem: string; ca: string[] };

/** Runs `work` with a fresh probe identity; whatever happens, the certificate's row is gone afterwards, and with it the agent site's trust. */
export async function withProbeIdentity<T>(caller: Caller, work: (identity: ProbeIdentity) => Promise<T>): Promise<T> {
  const { organisationId } = caller;
  const { trustDomain } = await caller.db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { trustDomain: true } });
  const identity = formatIdentity({ trustDomain, organisationId, kind: "probe", id: randomUUID() });
  const { certificate, anchors } = await caller.db.$transaction(async (tx) => ({ certificate: await issueWithKey(tx, caller, { purpose: "probe", identity, commonName: "console check" }), anchors: await trustAnchors(tx, organisationId) }));
  try {
    return await work({ certPem: certificate.chainPem, keyPem: certificate.keyPem, ca: [anchors.rootPem, anchors.issuingPem, ...(await foreignAnchors(caller))] });
  } finally {
    await caller.db.certificate.deleteMany({ where: { organisationId, id: certificate.certificateId } });
  }
}

/** With a third party's certificate on the agent site its chain counts as well (S1-14): the public roots, and the chain that was imported with it. */
async function foreignAnchors(caller: Caller): Promise<string[]> {
  const { agentSiteCertificateId: id } = await caller.db.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { agentSiteCertificateId: true } });
  if (id === null) return [];
  const imported = await caller.db.certificate.findFirst({ where: { id, organisationId: caller.organisationId, purpose: "imported" }, select: { chainPem: true } });
  return [...tls.rootCertificates, ...(imported?.chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])];
}
