/** The organisation's CA as the other verbs need it: the trust anchors for everyone, the issuing key only for issuing. */
import { ConsoleError } from "../../errors.ts";
import type { Db, Tx } from "../../db.ts";
import { openKey } from "../seal.ts";
import { sealPurpose } from "./store.ts";

export type TrustAnchors = { rootPem: string; issuingPem: string; /** Root first, then issuing. */ caPem: string; /** Of the root. */ caFingerprint: string };

const newest = { createdAt: "desc" } as const;

/** Current root and issuing certificates of an organisation. */
export async function trustAnchors(tx: Tx | Db, organisationId: string): Promise<TrustAnchors> {
  const rows = await tx.certificate.findMany({
    where: { organisationId, purpose: { in: ["root-ca", "issuing-ca"] }, isCurrent: true, revokedAt: null },
    orderBy: newest,
    select: { purpose: true, pem: true, fingerprint: true },
  });
  const root = rows.find((row) => row.purpose === "root-ca");
  const issuing = rows.find((row) => row.purpose === "issuing-ca");
  if (!root || !issuing) throw noAuthority(organisationId);
  return { rootPem: root.pem, issuingPem: issuing.pem, caPem: root.pem + issuing.pem, caFingerprint: root.fingerprint };
}

export type IssuingAuthority = { certPem: string; keyPem: string; notAfter: Date };

/** The issuing certificate with its key, opened. Keep it no longer than the signature takes. */
export async function issuingAuthority(tx: Tx | Db, organisationId: string): Promise<IssuingAuthority> {
  const row = await tx.certificate.findFirst({
    where: { organisationId, purpose: "issuing-ca", isCurrent: true, revokedAt: null },
    orderBy: newest,
    select: { pem: true, sealedKey: true, notAfter: true },
  });
  if (!row?.sealedKey) throw noAuthority(organisationId);
  return { certPem: row.pem, keyPem: openKey(row.sealedKey, sealPurpose("issuing-ca")), notAfter: row.notAfter };
}

function noAuthority(organisationId: string): ConsoleError {
  return new ConsoleError("internal", "The organisation has no certificate authority; restart the console, it makes one.", { cause: new Error(`organisation ${organisationId} has no current CA`) });
}
