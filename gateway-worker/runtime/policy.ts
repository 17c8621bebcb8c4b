/** Whether an enabled policy that names this gateway targets an agent, and if not, which of the three reasons it is (S1-56). Pure. */
import type { Snapshot } from "../../contract/snapshot.ts";

export type PolicyVerdict = "allowed" | "policy-none" | "policy-disabled" | "policy-other-gateway";

/** Per group the best that any policy gives it. A group that no policy targets is not in it. */
export type PolicyTable = Map<string, Exclude<PolicyVerdict, "policy-none">>;

const rank: Record<PolicyVerdict, number> = { "policy-none": 0, "policy-disabled": 1, "policy-other-gateway": 2, allowed: 3 };

export function buildPolicyTable(policies: Snapshot["policies"]): PolicyTable {
  const table: PolicyTable = new Map();
  for (const policy of policies) {
    const gives = !policy.isEnabled ? "policy-disabled" : policy.namesThisGateway ? "allowed" : "policy-other-gateway";
    for (const groupId of policy.groupIds) if (rank[gives] > rank[table.get(groupId) ?? "policy-none"]) table.set(groupId, gives);
  }
  return table;
}

/** The best verdict over the agent's groups. */
export function policyVerdict(table: PolicyTable, groupIds: string[]): PolicyVerdict {
  let best: PolicyVerdict = "policy-none";
  for (const groupId of groupIds) {
    const gives = table.get(groupId);
    if (gives === "allowed") return gives;
    if (gives && rank[gives] > rank[best]) best = gives;
  }
  return best;
}
