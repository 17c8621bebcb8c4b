/** The ledger of the last 24 hours grouped by cause (N1). */
import type { z } from "zod";
import { refusalCode, refusals } from "../../../contract/error-codes.ts";
import type { refusalSummary } from "../../../contract/objects.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";

const dayMs = 24 * 3_600_000;

export async function summariseRefusals(caller: Caller, now: Date = new Date()): Promise<z.infer<typeof refusalSummary>> {
  const groups = await caller.db.refusal.groupBy({
    by: ["code"],
    where: { organisationId: caller.organisationId, code: { in: [...refusalCode.options] }, at: { gte: new Date(now.getTime() - dayMs) } },
    _sum: { count: true }, _max: { at: true },
  });
  const causes = groups.flatMap((group) => {
    const code = refusalCode.safeParse(group.code);
    return code.success ? [{ code: code.data, sentence: refusals[code.data].sentence, count: group._sum.count ?? 0, lastAt: iso(group._max.at ?? now) }] : [];
  });
  causes.sort((a, b) => b.count - a.count || a.code.localeCompare(b.code));
  return { total: causes.reduce((sum, cause) => sum + cause.count, 0), causes };
}
