/** Waits at start until the database answers, and says in a sentence why it does not. */
import { lookup } from "node:dns/promises";
import type { Db } from "./db.ts";
import { log } from "./log.ts";
import { StartProblem } from "./start-problem.ts";

const waitMs = 30_000;
const tryEveryMs = 500;

/** Resolves when the database answers. A refused connection is tried again for 30 s (it may be starting); a wrong password or name is told at once. */
export async function waitForDatabase(database: Db): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (let attempt = 0; ; attempt += 1) {
    const problem = await databaseProblem(database);
    if (problem === null) return;
    if (!problem.isPassing || Date.now() > deadline) throw new StartProblem(problem.sentence, { cause: problem.cause });
    if (attempt === 0) log.warn({ reason: problem.sentence }, "waiting for the database");
    await new Promise((resolve) => setTimeout(resolve, tryEveryMs));
  }
}

export type DatabaseProblem = { sentence: string; isPassing: boolean; cause: unknown };

/** Null when the database answers a query. */
export async function databaseProblem(database: Db): Promise<DatabaseProblem | null> {
  try {
    await database.$queryRaw`SELECT 1`;
    return null;
  } catch (cause) {
    const problem = explain(cause);
    return (await isUnknownHost(cause)) ? { sentence: "The host in DATABASE_URL does not resolve; correct it, or the name service.", isPassing: false, cause } : problem;
  }
}

/** The driver says only that nothing was reached; whether the name is at fault is asked again. */
async function isUnknownHost(cause: unknown): Promise<boolean> {
  const [, host] = /"kind":"DatabaseNotReachable","host":"([^"]+)"/.exec(textOf(cause)) ?? [];
  return host !== undefined && (await lookup(host).then(() => false, () => true));
}

/** SQLSTATE and system codes that a person can act on (PostgreSQL appendix A). */
const sentences: readonly { pattern: RegExp; sentence: string; isPassing: boolean }[] = [
  { pattern: /28P01|28000|password authentication failed|P1000/i, sentence: "The database refused the user or password in DATABASE_URL; correct it.", isPassing: false },
  { pattern: /3D000|P1003|database .* does not exist|DatabaseDoesNotExist/i, sentence: "The database named in DATABASE_URL does not exist; create it, or correct the name.", isPassing: false },
  { pattern: /ECONNREFUSED|P1001|DatabaseNotReachable/, sentence: "Nothing answers at the host and port in DATABASE_URL; start PostgreSQL there, or correct it.", isPassing: true },
  { pattern: /57P03|starting up|shutting down|57P01/, sentence: "The database is starting or stopping.", isPassing: true },
  { pattern: /53300|too many (clients|connections)/i, sentence: "The database has no connection left; raise max_connections.", isPassing: true },
];

function explain(cause: unknown): DatabaseProblem {
  const text = textOf(cause);
  const known = sentences.find(({ pattern }) => pattern.test(text));
  return known ? { sentence: known.sentence, isPassing: known.isPassing, cause } : { sentence: "The database does not answer; see the log for the reason.", isPassing: true, cause };
}

/** All that an error and its causes say; for matching only, never shown: it may hold the connection URL. */
function textOf(error: unknown): string {
  const parts: string[] = [];
  for (let current: unknown = error; current instanceof Error && parts.length < 12; current = current.cause) {
    parts.push(current.message, "code" in current ? String(current.code) : "", "meta" in current ? JSON.stringify(current.meta) : "");
    if (current instanceof AggregateError) parts.push(...current.errors.map(String));
  }
  return parts.join(" ");
}
