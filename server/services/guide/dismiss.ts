/** Hides the guide for everybody in the organisation; it stays reachable and keeps its results. */
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";

export async function dismissGuide(caller: Caller): Promise<{ isDone: true }> {
  await caller.db.$transaction(async (tx) => {
    await tx.organisation.update({ where: { id: caller.organisationId }, data: { guideDismissedAt: new Date() } });
    await recordAudit(tx, caller, { action: "guide.dismiss" });
    await publishLive(tx, caller.organisationId, { topic: "guide", id: null });
  });
  return { isDone: true };
}
