/** The certificates that gateways say they present: what tells a gateway's own certificate from that of a device in front of it (S0-03). */
import type { Caller } from "../caller.ts";

export type OwnCertificates = {
  /** SHA-256 by gateway id; gateways that have not reported one are missing. */
  ofGateway: ReadonlyMap<string, string>;
  /** Name of the gateway that presents it, by SHA-256. */
  gatewayNameOf: ReadonlyMap<string, string>;
};

const gatewaysMax = 1_000;

export async function ownCertificates(caller: Caller): Promise<OwnCertificates> {
  const { organisationId } = caller;
  const gateways = await caller.db.gateway.findMany({ where: { organisationId, presentedCertificateId: { not: null } }, select: { id: true, name: true, presentedCertificateId: true }, take: gatewaysMax });
  const certificates = await caller.db.certificate.findMany({ where: { organisationId, id: { in: gateways.flatMap((gateway) => gateway.presentedCertificateId ?? []) } }, select: { id: true, fingerprint: true } });
  const fingerprints = new Map(certificates.map((certificate) => [certificate.id, certificate.fingerprint]));
  const known = gateways.flatMap((gateway) => {
    const fingerprint = fingerprints.get(gateway.presentedCertificateId ?? "");
    return fingerprint === undefined ? [] : [{ id: gateway.id, name: gateway.name, fingerprint }];
  });
  return { ofGateway: new Map(known.map(({ id, fingerprint }) => [id, fingerprint])), gatewayNameOf: new Map(known.map(({ name, fingerprint }) => [fingerprint, name])) };
}
