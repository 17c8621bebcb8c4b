/** The row behind a client certificate: whose it is and whether it is still good. One indexed query. */
import type { Db } from "../../db.ts";

const columns = {
  id: true, isCurrent: true, revokedAt: true, agentId: true, bundleId: true,
  agent: { select: { hostname: true, revokedAt: true } },
  bundle: { select: { revokedAt: true, expiresAt: true, uses: true, usesMax: true } },
  organisation: { select: { trustDomain: true } },
} as const;

export type PeerKey = { organisationId: string; fingerprint: string; purpose: "agent" | "bundle" | "probe" };

/** Null when nobody issued it: then nobody vouches for the organisation in its name either. */
export function findPeerCertificate(db: Db, key: PeerKey) {
  return db.certificate.findUnique({ where: { organisationId_fingerprint_purpose: key }, select: columns });
}
