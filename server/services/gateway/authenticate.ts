/** Decides who a gateway is from the leaf certificate that its connection has proven: the row must exist in this organisation, be current and not revoked. */
import type { Identity } from "../../../contract/names.ts";
import type { Db } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";

export type ProvenLeaf = { identity: Identity; /** SHA-256 of the DER, lower-case hex. */ fingerprint: string };
export type KnownGateway = { id: string; name: string; organisationId: string; fingerprint: string };

/** Throws `identity-refused`, alike for unknown, foreign, replaced and revoked ones. */
export async function authenticateGateway(db: Db, leaf: ProvenLeaf): Promise<KnownGateway> {
  const { organisationId, kind, id } = leaf.identity;
  const certificate = kind !== "gateway" ? null : await db.certificate.findFirst({
    where: { organisationId, fingerprint: leaf.fingerprint, purpose: "gateway-control", gatewayId: id, isCurrent: true, revokedAt: null, notAfter: { gt: new Date() } },
    select: { gateway: { select: { id: true, name: true, organisationId: true } } },
  });
  const gateway = certificate?.gateway;
  if (!gateway || gateway.organisationId !== organisationId) {
    throw new ConsoleError("identity-refused", "This gateway's certificate is not known here, was replaced by a newer enrolment, or was revoked; enrol again with a new token from the gateway's page.");
  }
  return { ...gateway, fingerprint: leaf.fingerprint };
}
