/** Turns an API key into a caller. */
import { type Db } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { apiKeyLimit, checkAttempts, takeAttempt } from "../attempts/take.ts";
import { hashSecret } from "../user/secret.ts";

const keyPattern = /^spk_[A-Za-z0-9_-]{43}$/;
/** `lastUsedAt` is written at most once in this time, ms. */
const lastUsedEveryMs = 60_000;

export type Request = { readonly db: Db; readonly requestId: string; readonly source: string | null };

/** The caller whose key this is; null when it is unknown, revoked or expired. A source that keeps sending wrong keys gets `rate-limited`. */
export async function callerOfApiKey(request: Request, key: string): Promise<Caller | null> {
  const limit = apiKeyLimit(request.source ?? "unknown");
  const row = await findKey(request.db, key);
  if (!row) {
    await checkAttempts(request.db, limit);
    await takeAttempt(request.db, limit);
    return null;
  }
  await noteUse(request.db, row);
  return { actor: { kind: "api-key", id: row.id, name: row.name }, organisationId: row.organisationId, role: row.role, requestId: request.requestId, source: request.source, credential: { kind: "api-key", id: row.id }, db: request.db };
}

/** The key that is neither revoked nor expired; null when there is none, or when it is not of `organisationId`. Callers limit guessing. */
export async function findKey(database: Db, key: string, organisationId?: string) {
  if (!keyPattern.test(key)) return null;
  return database.apiKey.findFirst({ where: { secretHash: hashSecret(key), revokedAt: null, expiresAt: { gt: new Date() }, ...(organisationId === undefined ? {} : { organisationId }) }, select: { id: true, name: true, role: true, organisationId: true, lastUsedAt: true } });
}

/** Notes that the key was used, at most once a minute. */
export async function noteUse(database: Db, row: { id: string; organisationId: string; lastUsedAt: Date | null }): Promise<void> {
  const now = new Date();
  if (row.lastUsedAt && now.getTime() - row.lastUsedAt.getTime() < lastUsedEveryMs) return;
  await database.apiKey.updateMany({ where: { id: row.id, organisationId: row.organisationId }, data: { lastUsedAt: now } });
}
