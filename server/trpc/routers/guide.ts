/** The first-run guide (S1-11, S1-12, S1-68). */
import { guideStep, guideView } from "../../../contract/objects.ts";
import { doneReply, guideCheck } from "../../../contract/procedures.ts";
import { checkGuideStep } from "../../services/guide/check.ts";
import { dismissGuide } from "../../services/guide/dismiss.ts";
import { viewGuide } from "../../services/guide/view.ts";
import { administerProcedure, operateProcedure, readProcedure, rest, router } from "../init.ts";

export const guideRouter = router({
  view: readProcedure.meta(rest("GET", "/guide", "guide", "The first run: steps and their state")).output(guideView).query(({ ctx }) => viewGuide(ctx.caller)),
  check: operateProcedure.meta(rest("POST", "/guide/{step}/check", "guide", "Check a step for real")).input(guideCheck).output(guideStep).mutation(({ ctx, input }) => checkGuideStep(ctx.caller, input)),
  dismiss: administerProcedure.meta(rest("POST", "/guide/dismiss", "guide", "Hide the guide")).output(doneReply).mutation(({ ctx }) => dismissGuide(ctx.caller)),
});
