/** What every verb that writes shares: one transaction under the organisation's row lock, the name index, the edit counter. */
import { isUniqueViolation, Prisma, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";

/**
 * Runs `work` in one transaction that holds the organisation's row from the start: writers of one organisation go one after another, so that checks hold until
 * commit and no two writers can lock gateways, agents and the organisation in opposite orders. Repeats once when PostgreSQL names it a deadlock's victim.
 */
export async function writeInOrganisation<T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> {
  const run = () =>
    caller.db.$transaction(async (tx) => {
      const rows = await tx.$queryRaw<unknown[]>`SELECT 1 FROM "Organisation" WHERE id = ${caller.organisationId}::uuid FOR NO KEY UPDATE`;
      if (rows.length === 0) throw new ConsoleError("not-found", "This organisation does not exist any more.");
      return work(tx);
    });
  try {
    return await run();
  } catch (error) {
    if (isDeadlock(error)) return run();
    throw error;
  }
}

/** PostgreSQL's 40P01: Prisma's own queries say P2034, raw ones carry the SQLSTATE in their meta. */
function isDeadlock(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false;
  return error.code === "P2034" || (error.code === "P2010" && JSON.stringify(error.meta ?? {}).includes("40P01"));
}

/** The form in which names are compared: the same letters in another case are the same name. */
export function nameKey(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** Runs a write and answers a violated name index with `name-taken` on the field. */
export async function withUniqueName<T>(kind: string, name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new ConsoleError("name-taken", `Another ${kind} is already called "${name}"; choose another name.`, { fields: [{ path: "name", message: `"${name}" is taken` }], cause: error });
  }
}

/** Refuses when an update met no row with the edit counter that its author saw. */
export function demandUnchanged(kind: string, updated: { count: number }): void {
  if (updated.count === 0) throw new ConsoleError("changed-meanwhile", `Somebody changed this ${kind} since you opened it; reload it and make your change again.`);
}
