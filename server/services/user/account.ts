/** Accounts of people: the user row and its password, as better-auth stores them (provider "credential", scrypt). */
import type { Tx } from "../../db.ts";

export type NewAccount = { email: string; name: string; passwordHash: string };

/** Makes the user and its password account; the e-mail must be free. Returns the user's id. */
export async function createAccount(tx: Tx, account: NewAccount): Promise<string> {
  const id = crypto.randomUUID();
  await tx.user.create({ data: { id, name: account.name, email: account.email, emailVerified: true } });
  await tx.account.create({ data: { id: crypto.randomUUID(), accountId: id, providerId: "credential", userId: id, password: account.passwordHash } });
  return id;
}

/** A name to show when nobody gave one: what stands before the @. */
export function nameFromEmail(email: string): string {
  return email.slice(0, email.indexOf("@")).slice(0, 80) || email;
}
