/** What relies on a certificate: gateways, virtual services and the agent site that present it, and policies that pin it. */
import type { Db, Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";

export type CertificateUse = {
  /** They present it: deleting it would stop them. */
  presenting: string[];
  /** Policies that name its fingerprint. */
  pinning: string[];
};

export async function usesOf(reader: Db | Tx, caller: Caller, certificate: { id: string; fingerprint: string }): Promise<CertificateUse> {
  const { organisationId } = caller;
  const [gateways, organisation, services, policies] = await Promise.all([
    reader.gateway.findMany({ where: { organisationId, OR: [{ importedCertificateId: certificate.id, certificateKind: "imported" }, { presentedCertificateId: certificate.id }] }, select: { name: true }, orderBy: { nameKey: "asc" }, take: 100 }),
    reader.organisation.findFirst({ where: { id: organisationId, agentSiteCertificateId: certificate.id }, select: { agentSiteName: true } }),
    reader.virtualService.findMany({ where: { organisationId, certificates: { some: { certificateId: certificate.id } } }, select: { name: true }, orderBy: { nameKey: "asc" }, take: 100 }),
    reader.policy.findMany({ where: { organisationId, gateways: { some: { pins: { has: certificate.fingerprint } } } }, select: { name: true }, orderBy: { nameKey: "asc" }, take: 100 }),
  ]);
  return {
    presenting: [...gateways.map(({ name }) => `gateway "${name}" presents it`), ...(organisation ? [`the agent site "${organisation.agentSiteName}" presents it`] : []), ...services.map(({ name }) => `virtual service "${name}" presents it`)],
    pinning: policies.map(({ name }) => `policy "${name}" pins it`),
  };
}
