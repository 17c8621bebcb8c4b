/** Makes a token for installing an agent by hand, or for enrolling a known (also a revoked) agent again. */
import type { z } from "zod";
import type { agentTokenCreate } from "../../../contract/objects.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { demandReferences } from "../object/references.ts";
import { writeInOrganisation } from "../object/write.ts";
import { createToken } from "../token/create.ts";
import { demandStaticGroups } from "./set-groups.ts";

const hourMs = 3_600_000;

export async function createAgentToken(caller: Caller, input: z.infer<typeof agentTokenCreate>): Promise<{ id: string; token: string; expiresAt: string }> {
  if (input.agentId !== null && input.usesMax > 1) {
    throw new ConsoleError("input-invalid", "A token for one known agent has one use; two machines may not share an identity.", { fields: [{ path: "usesMax", message: "1 for a known agent" }] });
  }
  return writeInOrganisation(caller, async (tx) => {
    await demandStaticGroups(tx, caller, input.groupIds, "groupIds");
    if (input.agentId !== null) await demandReferences(tx, caller, { kind: "agent", ids: [input.agentId], path: "agentId" });
    const token = await createToken(tx, caller, { kind: "agent", agentId: input.agentId, usesMax: input.usesMax, groupIds: input.groupIds, expiresAt: new Date(Date.now() + input.hoursValid * hourMs) });
    return { id: token.id, token: token.text, expiresAt: iso(token.expiresAt) };
  });
}
