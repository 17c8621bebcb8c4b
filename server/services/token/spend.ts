/**
 * Spends an enrolment token inside the transaction that issues the certificate: both happen or neither (T19). The token's row is locked, so that 50 callers at
 * once take turns. The same token with the same key is no second use: it leads to the certificate of the first (a lost reply loses nothing).
 */
import { timingSafeEqual } from "node:crypto";
import type { TokenKind } from "../../../contract/enrolment.ts";
import { ConsoleError } from "../../errors.ts";
import type { Tx } from "../../db.ts";
import { hashSecret } from "./create.ts";
import { countGuess, demandFewGuesses } from "./guesses.ts";

export type SpentToken = {
  id: string;
  organisationId: string;
  kind: TokenKind;
  gatewayId: string | null;
  agentId: string | null;
  bundleId: string | null;
  groupIds: string[];
};

export type Spend = {
  kind: TokenKind;
  secret: string;
  publicKeySha256: string;
  /** Only a token of this organisation is accepted, when given. */
  organisationId?: string;
  /** Network address of the caller, for the limit on guesses; never used to decide. */
  source?: string | null;
};

/**
 * Spends one use. Afterwards issue the certificate and call `recordSpent` in the same transaction, unless `previousCertificateId` is set: then answer with that
 * certificate. A bundle's token is counted on its bundle here as well. Throws `token-refused` alike for unknown, expired, used up, revoked and foreign ones, and
 * `rate-limited` after too many of those from one source.
 */
export async function spendToken(tx: Tx, spend: Spend): Promise<{ token: SpentToken; previousCertificateId: string | null }> {
  await demandFewGuesses(spend.source ?? null);
  const row = await lockToken(tx, spend);
  if (!row) throw await refused(spend);
  const { id, organisationId, gatewayId, agentId, bundleId, groupIds } = row;
  const token: SpentToken = { id, organisationId, kind: spend.kind, gatewayId, agentId, bundleId, groupIds };
  const before = await tx.enrolment.findUnique({ where: { tokenId_publicKeySha256: { tokenId: id, publicKeySha256: spend.publicKeySha256 } }, select: { certificateId: true } });
  if (before) return { token, previousCertificateId: before.certificateId };
  if (row.uses >= row.usesMax) throw await refused(spend);
  if (bundleId !== null && !(await countOnBundle(tx, organisationId, bundleId))) throw await refused(spend);
  await tx.enrolmentToken.update({ where: { id }, data: { uses: { increment: 1 } } });
  return { token, previousCertificateId: null };
}

/** Remembers which certificate this use led to. */
export async function recordSpent(tx: Tx, spent: { tokenId: string; publicKeySha256: string; certificateId: string }): Promise<void> {
  await tx.enrolment.create({ data: spent });
}

type LockedToken = { id: string; organisationId: string; secretHash: string; usesMax: number; uses: number; gatewayId: string | null; agentId: string | null; bundleId: string | null; groupIds: string[] };

/**
 * The live token of this secret, locked until the transaction ends. The organisation's row is locked first, as every writer does (object/write.ts), so that no two
 * can wait for each other. The hash is compared again in constant time; the index look-up only ever sees hashes.
 */
async function lockToken(tx: Tx, spend: Spend): Promise<LockedToken | undefined> {
  const wanted = hashSecret(spend.secret);
  await tx.$queryRaw`SELECT o.id FROM "Organisation" o JOIN "EnrolmentToken" t ON t."organisationId" = o.id WHERE t."secretHash" = ${wanted} FOR NO KEY UPDATE OF o`;
  const rows = await tx.$queryRaw<LockedToken[]>`
    SELECT id, "organisationId", "secretHash", "usesMax", uses, "gatewayId", "agentId", "bundleId", "groupIds"
      FROM "EnrolmentToken"
     WHERE "secretHash" = ${wanted} AND kind = ${spend.kind} AND "revokedAt" IS NULL AND "expiresAt" > now()
       FOR UPDATE`;
  const row = rows.find((candidate) => timingSafeEqual(Buffer.from(candidate.secretHash), Buffer.from(wanted)));
  return row && (spend.organisationId === undefined || spend.organisationId === row.organisationId) ? row : undefined;
}

/** True when the bundle had a use left and counted it. */
async function countOnBundle(tx: Tx, organisationId: string, bundleId: string): Promise<boolean> {
  const counted = await tx.$executeRaw`
    UPDATE "Bundle" SET uses = uses + 1
     WHERE id = ${bundleId}::uuid AND "organisationId" = ${organisationId}::uuid AND "revokedAt" IS NULL AND "expiresAt" > now() AND uses < "usesMax"`;
  return counted === 1;
}

async function refused(spend: Spend): Promise<ConsoleError> {
  await countGuess(spend.source ?? null);
  return new ConsoleError("token-refused");
}
