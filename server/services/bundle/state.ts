/** A bundle's state, and the filter that finds bundles of one. */
import type { z } from "zod";
import type { bundleState } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";

export type BundleState = z.infer<typeof bundleState>;
type BundleFacts = { uses: number; usesMax: number; expiresAt: Date; revokedAt: Date | null };

export function stateOfBundle(bundle: BundleFacts, now: Date): BundleState {
  if (bundle.revokedAt !== null) return "revoked";
  if (bundle.expiresAt <= now) return "expired";
  return bundle.uses >= bundle.usesMax ? "used-up" : "active";
}

/** The same decision in the database. `usesMax` is the column to compare with. */
export function whereState(state: BundleState, now: Date, usesMax: Prisma.IntFieldRefInput<"Bundle">): Prisma.BundleWhereInput {
  switch (state) {
    case "revoked": return { revokedAt: { not: null } };
    case "expired": return { revokedAt: null, expiresAt: { lte: now } };
    case "used-up": return { revokedAt: null, expiresAt: { gt: now }, uses: { gte: usesMax } };
    case "active": return { revokedAt: null, expiresAt: { gt: now }, uses: { lt: usesMax } };
  }
}
