/** The organisation's signer of bundles: a leaf of its CA whose key is sealed in the console. Made when first needed. */
import { sign } from "node:crypto";
import { formatIdentity } from "../../../contract/names.ts";
import type { Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { issueWithKey } from "../certificate/issue.ts";
import { sealPurpose } from "../certificate/store.ts";
import { openKey } from "../seal.ts";

export type Signer = { chainPem: string; keyPem: string };

/** A signer that outlives `until`. The caller's transaction holds the organisation's lock, so that two downloads make one. */
export async function signerUntil(tx: Tx, caller: Caller, until: Date): Promise<Signer> {
  const { organisationId } = caller;
  const { issuingPem } = await trustAnchors(tx, organisationId);
  const row = await tx.certificate.findFirst({ where: { organisationId, purpose: "signer", isCurrent: true, revokedAt: null, notAfter: { gt: until } }, orderBy: { createdAt: "desc" }, select: { chainPem: true, sealedKey: true } });
  // A signer of a former issuing CA would not chain to the CA that the bundle carries.
  if (row?.sealedKey && row.chainPem.includes(issuingPem.trim())) return { chainPem: row.chainPem, keyPem: openKey(row.sealedKey, sealPurpose("signer")) };
  const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { trustDomain: true } });
  const identity = formatIdentity({ trustDomain, organisationId, kind: "console", id: organisationId });
  const made = await issueWithKey(tx, caller, { purpose: "signer", identity, commonName: "bundle signer" });
  return { chainPem: made.chainPem, keyPem: made.keyPem };
}

/** ES256 (RFC 7518 section 3.4) over the bytes, base64. */
export function signBytes(signer: Signer, bytes: Buffer): string {
  return sign("sha256", bytes, { key: signer.keyPem, dsaEncoding: "ieee-p1363" }).toString("base64");
}
