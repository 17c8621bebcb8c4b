/** Writes certificate rows. Who a certificate belongs to is told by exactly the owner ids given here. */
import type { z } from "zod";
import type { certificatePurpose } from "../../../contract/objects.ts";
import { readCertificate } from "../../pki/certificate-facts.ts";
import type { Tx } from "../../db.ts";
import { sealKey } from "../seal.ts";

export type CertificatePurpose = z.infer<typeof certificatePurpose>;
export type CertificateOwner = { agentId?: string; gatewayId?: string; serverId?: string; bundleId?: string; apiKeyId?: string };

export type NewCertificate = {
  organisationId: string;
  purpose: CertificatePurpose;
  /** A person's name for it; imported certificates have one. */
  name?: string;
  pem: string;
  /** Leaf first, without the root. */
  chainPem: string;
  /** Sealed before it is stored; left out when the key was made elsewhere. */
  keyPem?: string;
  owner?: CertificateOwner;
  isCurrent?: boolean;
};

export type StoredCertificate = { certificateId: string; pem: string; chainPem: string; fingerprint: string };

/** What a key of this purpose is sealed for; `openKey` of a row repeats it. */
export function sealPurpose(purpose: string): string {
  return `certificate:${purpose}`;
}

/** Stores a certificate, its facts read from the PEM itself. */
export async function storeCertificate(tx: Tx, certificate: NewCertificate): Promise<StoredCertificate> {
  const { isCa: _isCa, weakness: _weakness, ...facts } = readCertificate(certificate.pem);
  const { owner = {}, keyPem } = certificate;
  const row = await tx.certificate.create({
    data: {
      ...facts,
      organisationId: certificate.organisationId,
      purpose: certificate.purpose,
      name: certificate.name ?? "",
      pem: certificate.pem,
      chainPem: certificate.chainPem,
      sealedKey: keyPem === undefined ? null : sealKey(keyPem, sealPurpose(certificate.purpose)),
      isCurrent: certificate.isCurrent ?? true,
      agentId: owner.agentId ?? null,
      gatewayId: owner.gatewayId ?? null,
      serverId: owner.serverId ?? null,
      bundleId: owner.bundleId ?? null,
      apiKeyId: owner.apiKeyId ?? null,
    },
    select: { id: true },
  });
  return { certificateId: row.id, pem: certificate.pem, chainPem: certificate.chainPem, fingerprint: facts.fingerprint };
}
