/**
 * Limits guessing: counts attempts per key (a source address, an account) in a window kept in the database, so that every console replica sees the same count (T35).
 * An attempt is counted before the secret is looked at; a hundred parallel guesses are a hundred counts.
 */
import { createHash } from "node:crypto";
import type { Db } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { networkOf } from "./network.ts";

export type AttemptLimit = {
  /** What is being guessed, such as `sign-in`. */
  readonly kind: string;
  /** Whose count it is; stored hashed, so that its length and content do not matter. */
  readonly key: string;
  readonly max: number;
  readonly windowMs: number;
};

const minute = 60_000;

/** Twenty tries a source in five minutes, ten an account in fifteen. */
export const signInLimits = {
  source: (address: string): AttemptLimit => ({ kind: "sign-in source", key: networkOf(address), max: 20, windowMs: 5 * minute }),
  /** A source that the account has a session from counts for itself, so that a stranger's guesses do not lock the owner out. */
  account: (email: string, knownSource: string | null): AttemptLimit => ({ kind: "sign-in account", key: `${email.toLowerCase()} ${knownSource ?? "anywhere"}`, max: 10, windowMs: 15 * minute }),
};

/** Ten wrong one-time links a source in fifteen minutes. */
export const linkLimit = (address: string): AttemptLimit => ({ kind: "link source", key: networkOf(address), max: 10, windowMs: 15 * minute });

/** Thirty wrong API keys a source in five minutes. */
export const apiKeyLimit = (address: string): AttemptLimit => ({ kind: "api-key source", key: networkOf(address), max: 30, windowMs: 5 * minute });

/** Thirty wrong credentials a source at one gateway's inside listener in five minutes. */
export const reachCredentialLimit = (gatewayId: string, address: string): AttemptLimit => ({ kind: "reach source", key: `${gatewayId} ${networkOf(address)}`, max: 30, windowMs: 5 * minute });

/** What one agent says of itself that goes into the audit: two a second over a minute. More waits at the agent. */
export const agentAuditLimit = (agentId: string): AttemptLimit => ({ kind: "agent audit", key: agentId, max: 120, windowMs: minute });

/** Counts one attempt. Throws `rate-limited` with the time to wait once more than `max` fell into the window. */
export async function takeAttempt(database: Db, limit: AttemptLimit): Promise<void> {
  const now = Date.now();
  const [row] = await database.$queryRaw<{ count: number; lastRequest: bigint }[]>`
    INSERT INTO "RateLimit" (id, key, count, "lastRequest") VALUES (${crypto.randomUUID()}, ${keyOf(limit)}, 1, ${now}::bigint)
    ON CONFLICT (key) DO UPDATE SET
      count = CASE WHEN "RateLimit"."lastRequest" <= ${now - limit.windowMs}::bigint THEN 1 ELSE "RateLimit".count + 1 END,
      "lastRequest" = CASE WHEN "RateLimit"."lastRequest" <= ${now - limit.windowMs}::bigint THEN ${now}::bigint ELSE "RateLimit"."lastRequest" END
    RETURNING count, "lastRequest"`;
  if (row && row.count > limit.max) throw tooMany(Number(row.lastRequest) + limit.windowMs - now);
}

/** Refuses when the window is already full, without counting: for things where only failures count. */
export async function checkAttempts(database: Db, limit: AttemptLimit): Promise<void> {
  const row = await database.rateLimit.findUnique({ where: { key: keyOf(limit) }, select: { count: true, lastRequest: true } });
  const left = row ? Number(row.lastRequest) + limit.windowMs - Date.now() : 0;
  if (row && left > 0 && row.count >= limit.max) throw tooMany(left);
}

/** Gives one attempt back: it was legitimate. */
export async function giveBackAttempt(database: Db, limit: AttemptLimit): Promise<void> {
  await database.rateLimit.updateMany({ where: { key: keyOf(limit), count: { gt: 0 } }, data: { count: { decrement: 1 } } });
}

/** Forgets the count, and with it whatever has been quiet for a day. */
export async function clearAttempts(database: Db, limit: AttemptLimit): Promise<void> {
  const dayAgo = BigInt(Date.now() - 24 * 60 * minute);
  await database.rateLimit.deleteMany({ where: { OR: [{ key: keyOf(limit) }, { lastRequest: { lt: dayAgo } }] } });
}

function keyOf(limit: AttemptLimit): string {
  return `${limit.kind}:${createHash("sha256").update(limit.key).digest("base64url")}`;
}

function tooMany(waitMs: number): ConsoleError {
  return new ConsoleError("rate-limited", `Too many attempts; wait ${Math.max(1, Math.ceil(waitMs / 1000))} seconds and try again.`);
}
