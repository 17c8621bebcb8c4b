/**
 * The certificates that the console's own doors present: the agent site and the control channel. Issued by the organisation's CA, and issued again by themselves
 * when the names change, the issuing CA changes or a third of the life is left; or, for the agent site, a third party's that an administrator chose.
 */
import { canonicalHost, formatIdentity } from "../../../contract/names.ts";
import { ConsoleError } from "../../errors.ts";
import type { Db, Tx } from "../../db.ts";
import { env } from "../../env.ts";
import { generateKey, type KeyPair } from "../../pki/keys.ts";
import { lifetimeMs } from "../../pki/issue.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { openKey } from "../seal.ts";
import { issuingAuthority, trustAnchors } from "./authority.ts";
import { issueWithKey } from "./issue.ts";
import { sealPurpose } from "./store.ts";

export type ServingPurpose = "agent-site" | "control";
export type ServingCertificate = {
  certificateId: string;
  /** Leaf first, without the root. */
  chainPem: string;
  keyPem: string;
  /** Root and issuing certificate of the organisation: what client certificates are verified against. */
  caPem: string;
  fingerprint: string;
  notAfter: Date;
};

const currentRow = { id: true, purpose: true, chainPem: true, pem: true, sealedKey: true, fingerprint: true, names: true, notBefore: true, notAfter: true } as const;

/** What a door has to present now. Doors ask again when they are woken and every minute; the fingerprint tells whether anything changed. */
export async function servingCertificate(database: Db | Tx, organisationId: string, purpose: ServingPurpose): Promise<ServingCertificate> {
  const { caPem } = await trustAnchors(database, organisationId);
  const row = (await chosenRow(database, organisationId, purpose)) ?? (await ownRow(database, organisationId, purpose));
  if (!row?.sealedKey) throw new ConsoleError("internal", `There is no certificate for the ${purpose}; restart the console, it makes one.`);
  return { certificateId: row.id, chainPem: row.chainPem, keyPem: openKey(row.sealedKey, sealPurpose(row.purpose)), caPem, fingerprint: row.fingerprint, notAfter: row.notAfter };
}

/** The organisation's row names what the agent site presents: an imported certificate that somebody chose, or the newest of our own. */
async function chosenRow(database: Db | Tx, organisationId: string, purpose: ServingPurpose) {
  if (purpose !== "agent-site") return null;
  const { agentSiteCertificateId: id } = await database.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { agentSiteCertificateId: true } });
  return id === null ? null : database.certificate.findFirst({ where: { id, organisationId, purpose: "imported", revokedAt: null }, select: currentRow });
}

async function ownRow(database: Db | Tx, organisationId: string, purpose: ServingPurpose) {
  return database.certificate.findFirst({ where: { organisationId, purpose, isCurrent: true, revokedAt: null }, orderBy: { createdAt: "desc" }, select: currentRow });
}

/**
 * Issues the door's certificate unless the current one still fits, or somebody chose an imported one. Returns true when it issued. Run it in a transaction that
 * holds the organisation's row, so that two consoles do not both issue.
 */
export async function ensureServingCertificate(tx: Tx, caller: Caller, purpose: ServingPurpose, keyPair?: KeyPair): Promise<boolean> {
  const { organisationId } = caller;
  if (await chosenRow(tx, organisationId, purpose)) return false;
  const names = await wantedNames(tx, organisationId, purpose);
  const identity = await identityOf(tx, organisationId, purpose);
  const authority = await issuingAuthority(tx, organisationId);
  const row = await ownRow(tx, organisationId, purpose);
  const isFit = row?.sealedKey && row.notBefore <= new Date() && sameNames(row.names, identity === null ? names : [...names, identity]) && row.chainPem === row.pem + authority.certPem && row.notAfter.getTime() - Date.now() > lifetimeMs[purpose] / 3;
  if (isFit) {
    await present(tx, organisationId, purpose, row.id);
    return false;
  }
  await tx.certificate.updateMany({ where: { organisationId, purpose, isCurrent: true }, data: { isCurrent: false } });
  const issued = await issueWithKey(tx, caller, { purpose, identity, names, commonName: purpose === "control" ? "Sallyport control channel" : (names[0] ?? "Agent site"), keyPair: keyPair ?? (await generateKey()) });
  await present(tx, organisationId, purpose, issued.certificateId);
  await recordAudit(tx, caller, {
    action: "certificate.issue",
    target: { kind: "certificate", id: issued.certificateId, name: purpose },
    changes: [{ path: "names", before: row?.names ?? null, after: names }, { path: "fingerprint", before: row?.fingerprint ?? null, after: issued.fingerprint }],
  });
  return true;
}

/** The agent site presents what the organisation's row names; the control channel presents the newest of its purpose. */
async function present(tx: Tx, organisationId: string, purpose: ServingPurpose, certificateId: string): Promise<void> {
  if (purpose === "agent-site") await tx.organisation.updateMany({ where: { id: organisationId, OR: [{ agentSiteCertificateId: null }, { agentSiteCertificateId: { not: certificateId } }] }, data: { agentSiteCertificateId: certificateId } });
}

async function wantedNames(tx: Tx, organisationId: string, purpose: ServingPurpose): Promise<string[]> {
  if (purpose === "control") return distinct([env().SALLYPORT_CONTROL_NAME, "localhost", "127.0.0.1", "::1"]);
  const { agentSiteNames } = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { agentSiteNames: true } });
  return distinct(agentSiteNames);
}

/** The control channel is the console itself, and says so to gateways. The agent site is known by its names. */
async function identityOf(tx: Tx, organisationId: string, purpose: ServingPurpose): Promise<string | null> {
  if (purpose === "agent-site") return null;
  const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { trustDomain: true } });
  return formatIdentity({ trustDomain, organisationId, kind: "console", id: organisationId });
}

/** Canonical, each once. */
function distinct(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => canonicalHost(name) ?? name))];
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  const [a, b] = [distinct(left), distinct(right)];
  return a.length === b.length && a.every((name) => b.includes(name));
}
