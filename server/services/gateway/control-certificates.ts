/** What the control channel presents and trusts, per organisation: the console's own certificate with the whole chain up to the root, and the CA that gateways are verified against. */
import type { Db } from "../../db.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { servingCertificate } from "../certificate/serving.ts";

export type ControlCertificate = {
  organisationId: string;
  /** Leaf, issuing, root: a gateway that enrols finds the root in it whose fingerprint its token names. */
  chainPem: string;
  keyPem: string;
  /** Root and issuing. */
  caPem: string;
  fingerprint: string;
};

/** One per organisation that has a certificate for the control channel, oldest organisation first. */
export async function controlCertificates(db: Db): Promise<ControlCertificate[]> {
  const organisations = await db.organisation.findMany({
    where: { certificates: { some: { purpose: "control", isCurrent: true, revokedAt: null } } },
    orderBy: [{ createdAt: "asc" }, { id: "asc" }],
    select: { id: true },
  });
  return await Promise.all(organisations.map(async ({ id }) => {
    const [own, anchors] = [await servingCertificate(db, id, "control"), await trustAnchors(db, id)];
    return { organisationId: id, chainPem: own.chainPem + anchors.rootPem, keyPem: own.keyPem, caPem: own.caPem, fingerprint: own.fingerprint };
  }));
}
