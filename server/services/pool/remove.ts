/** Deletes a pool that no service uses. */
import type { z } from "zod";
import type { removeInput } from "../../../contract/list.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandClearance } from "../object/confirm.ts";
import { writeInOrganisation } from "../object/write.ts";
import { poolWithImpact } from "./impact.ts";
import { readPool } from "./read.ts";

export async function removePool(caller: Caller, input: z.infer<typeof removeInput>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, impact } = await poolWithImpact(tx, caller, input.id);
    demandClearance(impact, { kind: "Pool", name, confirmName: input.confirmName });
    const before = await readPool(tx, caller, input.id);
    await tx.pool.deleteMany({ where: { id: input.id, organisationId: caller.organisationId } });
    await recordAudit(tx, caller, { action: "pool.remove", target: { kind: "pool", id: input.id, name }, changes: changesBetween(before, {}) });
    await publishLive(tx, caller.organisationId, { topic: "pool", id: input.id });
    return { id: input.id };
  });
}
