/** Who may do what. A role includes all that stands below it, except that an auditor reads everything and changes nothing. */
import { z } from "zod";

export const role = z.enum(["owner", "administrator", "operator", "auditor"]);
export type Role = z.infer<typeof role>;

/**
 * What a procedure demands: `read` (any role), `operate` (day-to-day: bundles, agents, refusals), `administer` (objects, policies, certificates), `own` (users, API keys, CA).
 */
export const demand = z.enum(["read", "operate", "administer", "own"]);
export type Demand = z.infer<typeof demand>;

const demandsOf = {
  owner: ["read", "operate", "administer", "own"],
  administrator: ["read", "operate", "administer"],
  operator: ["read", "operate"],
  auditor: ["read"],
} as const satisfies Record<Role, readonly Demand[]>;

export function mayDo(holder: Role, wanted: Demand): boolean {
  return (demandsOf[holder] as readonly Demand[]).includes(wanted);
}
