/** Tells open pages that these agents changed; beyond a few, that all may have. */
import type { Tx } from "../../db.ts";
import { publishLive } from "../change/publish.ts";

const namedMax = 20;

export async function publishAgents(tx: Tx, organisationId: string, agentIds: readonly string[]): Promise<void> {
  if (agentIds.length > namedMax) return publishLive(tx, organisationId, { topic: "agent", id: null });
  for (const id of agentIds) await publishLive(tx, organisationId, { topic: "agent", id });
}
