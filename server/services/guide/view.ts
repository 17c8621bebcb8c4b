/** The guide as it stands: stored results of real checks, held against what the rows say now, in their enforced order (S1-11, S1-12). */
import type { z } from "zod";
import { guideStep as guideStepSchema, guideSteps, type GuideStepId, type guideStep, type guideView } from "../../../contract/objects.ts";
import type { Caller } from "../caller.ts";
import { isoOrNull } from "../object/list.ts";
import { steps } from "./steps.ts";

type StepView = z.infer<typeof guideStep>;
type Stored = { step: string; isVerified: boolean; checkedAt: Date; facts: unknown; problem: string | null; cure: string | null };

export async function viewGuide(caller: Caller): Promise<z.infer<typeof guideView>> {
  const [results, organisation] = await Promise.all([
    caller.db.guideResult.findMany({ where: { organisationId: caller.organisationId } }),
    caller.db.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { guideDismissedAt: true } }),
  ]);
  const stored = new Map(results.map((result) => [result.step, result]));
  const broken = await Promise.all(guideSteps.map(async (id) => (stored.get(id)?.isVerified ? steps[id].brokenSince(caller) : null)));
  let isBlocked = false;
  const views = guideSteps.map((id, index): StepView => {
    const view = stepView(id, stored.get(id), { isBlocked, brokenSince: broken[index] ?? null });
    isBlocked ||= view.state !== "verified";
    return view;
  });
  return { steps: views, isFinished: !isBlocked, isDismissed: organisation.guideDismissedAt !== null };
}

/** A step behind one that is not verified is blocked, whatever its own result was. */
export function stepView(id: GuideStepId, stored: Stored | undefined, now: { isBlocked: boolean; brokenSince: string | null }): StepView {
  const facts = guideStepSchema.shape.facts.safeParse(stored?.facts);
  const base = { id, checkedAt: isoOrNull(stored?.checkedAt ?? null), facts: facts.success ? facts.data : [], problem: stored?.problem ?? null, cure: stored?.cure ?? null };
  if (now.isBlocked) return { ...base, state: "blocked" };
  if (!stored) return { ...base, state: "open" };
  if (now.brokenSince !== null) return { ...base, state: "failed", problem: now.brokenSince, cure: "Check this step again." };
  return { ...base, state: stored.isVerified ? "verified" : "failed" };
}
