/** The one Prisma client of this process. Every statement has a deadline; a lost connection is an error of the statement, never of the process (H13). */
import { PrismaPg } from "@prisma/adapter-pg";
import { Prisma, PrismaClient } from "../prisma/client/client.ts";
import { env } from "./env.ts";
import { errorFields, log } from "./log.ts";

export type Db = PrismaClient;
/** A transaction in progress; services that write take it, so that change, audit row and revision share it. */
export type Tx = Prisma.TransactionClient;
export { Prisma };

/** Longest a statement may run, ms. */
export const statementTimeoutMs = 15_000;

/** Makes a client for `url`; the caller disconnects it. */
export function createDb(url: string): Db {
  const adapter = new PrismaPg(
    { connectionString: url, max: 10, connectionTimeoutMillis: 5_000, statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + 1_000, keepAlive: true, application_name: "sallyport-console" },
    { onPoolError: (error) => log.warn(errorFields(error), "a database connection was lost"), onConnectionError: (error) => log.warn(errorFields(error), "a database connection failed") },
  );
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 5_000, timeout: 20_000 } });
}

const globalForDb = globalThis as typeof globalThis & { sallyportDb?: Db };

/** The process's client, made at first use. */
export function db(): Db {
  globalForDb.sallyportDb ??= createDb(env().DATABASE_URL);
  return globalForDb.sallyportDb;
}

/** True for a violated unique index; tells which name was taken twice in a race. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002";
}
