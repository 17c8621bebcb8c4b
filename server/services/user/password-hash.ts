/**
 * Password hashes (scrypt, as better-auth stores them), at most two at a time. Each takes a thread of the process's pool for a tenth of a second, and the same pool
 * looks up host names and reads files: a burst of guesses must wait for itself, not make everybody else wait (T35).
 */
import { hashPassword, verifyPassword } from "better-auth/crypto";

/** Hashes at once; the pool has four threads. */
const hashesMax = 2;

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= hashesMax) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    // The place is handed over, so that nobody slips in between.
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/** Hash of a new password. Call it outside of a transaction. */
export function hashOf(password: string): Promise<string> {
  return inTurn(async () => await hashPassword(password));
}

/** True when `password` is the one that `hash` was made from. */
export function isPassword({ hash, password }: { hash: string; password: string }): Promise<boolean> {
  return inTurn(async () => await verifyPassword({ hash, password }));
}
