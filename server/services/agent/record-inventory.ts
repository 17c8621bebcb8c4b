/** Stores an agent's inventory and lets the rules of dynamic groups look at it again. */
import type { Inventory } from "../../../contract/agent-site.ts";
import { notFound } from "../../errors.ts";
import { applyGroupRules } from "../agent-group/apply-group-rules.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

export async function recordInventory(caller: Caller, agentId: string, inventory: Inventory, now: Date = new Date()): Promise<void> {
  const safe = withoutNul(inventory);
  await writeInOrganisation(caller, async (tx) => {
    const { count } = await tx.agent.updateMany({
      where: { id: agentId, organisationId: caller.organisationId },
      data: {
        hostname: safe.hostname,
        platform: safe.platform,
        osName: safe.osName,
        osVersion: safe.osVersion,
        architecture: safe.architecture,
        addresses: [...new Set(safe.addresses.map((entry) => entry.address))],
        softwareVersion: safe.agentVersion,
        inventory: safe,
        inventoryAt: now,
      },
    });
    if (count === 0) throw notFound("agent", agentId);
    await applyGroupRules(tx, caller.organisationId, [agentId]);
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
  });
}

/** PostgreSQL's jsonb refuses NUL; a package name with one must not lose the whole inventory. */
function withoutNul(inventory: Inventory): Inventory {
  return JSON.parse(JSON.stringify(inventory).replaceAll("\\u0000", "\\ufffd")) as Inventory;
}
