/** Sessions as the sign-in door needs to know and end them; better-auth makes them. */
import type { Db } from "../../db.ts";

/** True when the account of this address has a session from this source. */
export async function hasSessionFrom(db: Db, email: string, source: string): Promise<boolean> {
  return (await db.session.count({ where: { ipAddress: source, user: { email } } })) > 0;
}

/** Ends one session of one person. */
export async function endSession(db: Db, session: { id: string; userId: string }): Promise<void> {
  await db.session.deleteMany({ where: { id: session.id, userId: session.userId } });
}
