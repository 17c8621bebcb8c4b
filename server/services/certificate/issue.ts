/** Issues certificates of the organisation's CA: for a request made elsewhere (the key stays there), or with a key made and sealed here. */
import { createHash } from "node:crypto";
import { canonicalHost } from "../../../contract/names.ts";
import { ConsoleError } from "../../errors.ts";
import type { Tx } from "../../db.ts";
import { CsrError, parseCsr, type Csr } from "../../pki/csr.ts";
import { issueCertificate, type Profile, validity } from "../../pki/issue.ts";
import { generateKey, type KeyPair, type KeyType } from "../../pki/keys.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { issuingAuthority } from "./authority.ts";
import { storeCertificate, type CertificateOwner, type CertificatePurpose, type StoredCertificate } from "./store.ts";

/** Purposes that the issuing CA signs leaf certificates for; each is also the profile. */
export type LeafPurpose = Exclude<CertificatePurpose, "root-ca" | "issuing-ca" | "imported"> & Profile;

export type LeafRequest = CertificateOwner & {
  purpose: LeafPurpose;
  /** SPIFFE URI, the identity of a client; null for servers known by name. */
  identity: string | null;
  /** Host names and IP literals of a server; empty for clients. */
  names?: readonly string[];
  /** Shown to people as the subject's common name; the first name or the identity when left out. */
  commonName?: string;
  /** Ends the certificate earlier than its profile would. */
  until?: Date;
  isCurrent?: boolean;
  /** Audit target; left out: no audit row of its own, because the calling verb writes one. */
  audit?: { kind: string; id: string; name: string };
};

/**
 * Issues a certificate for the key of a request. Refuses what T20 lists with `csr-refused`, and a key that already belongs to somebody else with `key-reused`.
 * Runs in the caller's transaction, so that a token is spent exactly when the certificate exists.
 */
export async function issueFromCsr(tx: Tx, caller: Caller, request: LeafRequest & { csrPem: string }): Promise<StoredCertificate> {
  const csr = await readRequest(request.csrPem);
  demandModestWishes(csr, request);
  await demandOwnKey(tx, caller.organisationId, csr.publicKeySha256, request);
  return issueLeaf(tx, caller, request, csr.publicKeySpki, undefined);
}

/**
 * Makes a key here and issues a certificate for it. The key is sealed in the row, unless `isKeyKept` is false: then it only goes to whoever asked, once.
 */
export async function issueWithKey(tx: Tx, caller: Caller, request: LeafRequest & { keyType?: KeyType; keyPair?: KeyPair; isKeyKept?: boolean }): Promise<StoredCertificate & { keyPem: string }> {
  const pair = request.keyPair ?? (await generateKey(request.keyType));
  return { ...(await issueLeaf(tx, caller, request, pair.publicKey, request.isKeyKept === false ? undefined : pair.keyPem)), keyPem: pair.keyPem };
}

/** Reads a request as `parseCsr` does, its complaint turned into the code people see. For doors that need the key's hash before they issue. */
export async function readRequest(csrPem: string): Promise<Csr> {
  try {
    return await parseCsr(csrPem);
  } catch (cause) {
    if (cause instanceof CsrError) throw new ConsoleError("csr-refused", cause.message, { cause });
    throw cause;
  }
}

function demandModestWishes(csr: Csr, request: LeafRequest): void {
  if (csr.asks.isCa) throw new ConsoleError("csr-refused", "The certificate request asks for a CA certificate; this console issues none on request. Leave basicConstraints out.");
  const allowed = new Set([...(request.names ?? []).map(canonical), ...(request.identity ? [request.identity] : [])]);
  const foreign = csr.asks.names.find((name) => !allowed.has(canonical(name)));
  if (foreign === undefined) return;
  const shown = foreign.slice(0, 200);
  if (foreign.includes("*")) throw new ConsoleError("csr-refused", `The certificate request asks for the wildcard name ${shown}; wildcards are never issued.`);
  throw new ConsoleError("csr-refused", `The certificate request asks for the name ${shown}, which is not one of this identity's; leave subjectAltName out, the right names are filled in.`);
}

function canonical(name: string): string {
  return canonicalHost(name) ?? name;
}

/** One key, one identity: refused when the key is known under another owner. The lock makes two first uses at once see each other. */
async function demandOwnKey(tx: Tx, organisationId: string, publicKeySha256: string, owner: CertificateOwner): Promise<void> {
  const lock = createHash("sha256").update(`key ${organisationId} ${publicKeySha256}`).digest().readBigInt64BE();
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${lock}::bigint)`;
  const holders = await tx.certificate.findMany({ where: { organisationId, publicKeySha256 }, select: { agentId: true, gatewayId: true, serverId: true, bundleId: true, apiKeyId: true }, take: 50 });
  const isOther = holders.some((row) => row.agentId !== (owner.agentId ?? null) || row.gatewayId !== (owner.gatewayId ?? null) || row.serverId !== (owner.serverId ?? null) || row.bundleId !== (owner.bundleId ?? null) || row.apiKeyId !== (owner.apiKeyId ?? null));
  if (isOther) throw new ConsoleError("key-reused", "This key already belongs to another identity of this organisation; make a new key and request again.");
}

async function issueLeaf(tx: Tx, caller: Caller, request: LeafRequest, publicKey: Uint8Array, keyPem: string | undefined): Promise<StoredCertificate> {
  const { organisationId } = caller;
  const authority = await issuingAuthority(tx, organisationId);
  const { name: organisation } = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { name: true } });
  const names = request.names ?? [];
  const now = new Date();
  const ends = new Date(Math.min(request.until?.getTime() ?? Number.POSITIVE_INFINITY, authority.notAfter.getTime()));
  const pem = await issueCertificate({
    issuer: authority,
    publicKey,
    profile: request.purpose,
    subject: { commonName: request.commonName ?? names[0] ?? request.identity?.split("/").at(-1) ?? request.purpose, organisation },
    identityUri: request.identity,
    dnsNames: names,
    ...validity(request.purpose, now, ends),
  });
  const { purpose, agentId, gatewayId, serverId, bundleId, apiKeyId } = request;
  const owner: CertificateOwner = { ...(agentId ? { agentId } : {}), ...(gatewayId ? { gatewayId } : {}), ...(serverId ? { serverId } : {}), ...(bundleId ? { bundleId } : {}), ...(apiKeyId ? { apiKeyId } : {}) };
  const stored = await storeCertificate(tx, { organisationId, purpose, pem, chainPem: pem + authority.certPem, owner, ...(keyPem === undefined ? {} : { keyPem }), ...(request.isCurrent === undefined ? {} : { isCurrent: request.isCurrent }) });
  if (request.audit) await recordAudit(tx, caller, { action: "certificate.issue", target: request.audit, changes: [{ path: "fingerprint", before: null, after: stored.fingerprint }] });
  await publishLive(tx, organisationId, { topic: "certificate", id: stored.certificateId });
  return stored;
}
