/**
 * Who may connect: one entry per agent (or enrolment bundle), ordered by a version that rises with every change in the organisation.
 * Adding or revoking one agent among 100,000 puts one entry on the wire. A gateway keeps the whole table and its cursor on disk.
 */
import { z } from "zod";
import { fingerprint } from "./fingerprint.ts";

export const accessEntry = z.strictObject({
  /** Rises by at least one per change within the organisation, and commits in order: a reader that has version n misses nothing at or below n. */
  version: z.number().int().positive(),
  kind: z.enum(["agent", "bundle"]),
  id: z.uuid(),
  /** `removed` is a tombstone: the object was deleted, the reader forgets all but the version. */
  /** `waiting`: enrolled, not approved yet (S4-34). */
  status: z.enum(["active", "waiting", "revoked", "removed"]),
  /** Leaf certificates that are this agent's current ones (two while a re-enrolment is being proven). */
  fingerprints: z.array(fingerprint).max(4),
  groupIds: z.array(z.uuid()).max(200),
  /** Seconds since 1970; after it the entry counts as revoked. Null: no end but the certificate's own. */
  expiresAt: z.number().int().nullable(),
});
export type AccessEntry = z.infer<typeof accessEntry>;

/** A page of the ordered stream. `complete` tells that the reader is up to date as of `version`. */
export const accessPage = z.strictObject({
  /** Highest version contained, or the reader's own cursor when empty. */
  version: z.number().int().nonnegative(),
  entries: z.array(accessEntry).max(5000),
  complete: z.boolean(),
});
export type AccessPage = z.infer<typeof accessPage>;
