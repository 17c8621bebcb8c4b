/** Checks one step for real and stores what was found. Refused while an earlier step is not verified (S1-11, S1-12). */
import type { z } from "zod";
import type { guideStep, GuideStepId } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { steps, stepsBefore } from "./steps.ts";
import { stepView, viewGuide } from "./view.ts";

export async function checkGuideStep(caller: Caller, input: { step: GuideStepId }): Promise<z.infer<typeof guideStep>> {
  const { organisationId } = caller;
  const before = await viewGuide(caller);
  const open = stepsBefore(input.step).find((id) => before.steps.find((step) => step.id === id)?.state !== "verified");
  if (open) throw new ConsoleError("step-not-ready", `Step "${open}" comes before "${input.step}" and is not verified; check it first.`, { fields: [{ path: "step", message: `"${open}" is not verified` }] });
  const verdict = await steps[input.step].check(caller);
  const result = { isVerified: verdict.isVerified, checkedAt: new Date(), facts: verdict.facts as Prisma.InputJsonValue, problem: verdict.problem, cure: verdict.cure };
  await caller.db.$transaction(async (tx) => {
    await tx.guideResult.upsert({ where: { organisationId_step: { organisationId, step: input.step } }, create: { organisationId, step: input.step, ...result }, update: result });
    await recordAudit(tx, caller, { action: "guide.check", target: { kind: "guide", id: input.step, name: input.step }, changes: [{ path: "isVerified", before: null, after: verdict.isVerified }] });
    await publishLive(tx, organisationId, { topic: "guide", id: input.step });
  });
  return stepView(input.step, { step: input.step, ...result }, { isBlocked: false, brokenSince: null });
}
