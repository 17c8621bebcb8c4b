/** Makes an organisation's certificate authority: a root that signs one issuing certificate, which signs all others (DESIGN section 4). */
import type { Tx } from "../../db.ts";
import { issueCertificate, validity } from "../../pki/issue.ts";
import { generateKey, type KeyPair, type KeyType } from "../../pki/keys.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { storeCertificate } from "../certificate/store.ts";

export type AuthorityKeys = { root: KeyPair; issuing: KeyPair };

/** Makes both keys, before the transaction: RSA takes up to a second. ECDSA P-256 unless RSA is asked for. */
export async function generateAuthorityKeys(keyType: KeyType = "ec-p256"): Promise<AuthorityKeys> {
  const [root, issuing] = await Promise.all([generateKey(keyType), generateKey(keyType)]);
  return { root, issuing };
}

/** Issues and stores root and issuing certificate with their sealed keys. */
export async function createAuthority(tx: Tx, caller: Caller, organisation: { id: string; name: string }, keys: AuthorityKeys): Promise<void> {
  const now = new Date();
  const subject = (what: string) => ({ commonName: `${organisation.name.slice(0, 40)} ${what} CA`, organisation: organisation.name });
  const rootPem = await issueCertificate({ issuer: null, selfKeyPem: keys.root.keyPem, publicKey: keys.root.publicKey, profile: "root-ca", subject: subject("root"), ...validity("root-ca", now) });
  const issuer = { certPem: rootPem, keyPem: keys.root.keyPem };
  const issuingPem = await issueCertificate({ issuer, publicKey: keys.issuing.publicKey, profile: "issuing-ca", subject: subject("issuing"), ...validity("issuing-ca", now) });
  const root = await storeCertificate(tx, { organisationId: organisation.id, purpose: "root-ca", pem: rootPem, chainPem: rootPem, keyPem: keys.root.keyPem });
  await storeCertificate(tx, { organisationId: organisation.id, purpose: "issuing-ca", pem: issuingPem, chainPem: issuingPem, keyPem: keys.issuing.keyPem });
  await recordAudit(tx, caller, { action: "authority.create", target: { kind: "certificate", id: root.certificateId, name: subject("root").commonName }, changes: [{ path: "fingerprint", before: null, after: root.fingerprint }] });
}
