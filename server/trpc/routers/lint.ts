/** Lint: settings that work today and hurt tomorrow (N5, N7). */
import { lintInput, lintReply } from "../../../contract/service-objects.ts";
import { runLint } from "../../services/lint/run.ts";
import { readProcedure, rest, router } from "../init.ts";

export const lintRouter = router({
  run: readProcedure.meta(rest("GET", "/lint", "lint", "Findings over everything the organisation has, each with a cure")).input(lintInput).output(lintReply).query(({ ctx, input }) => runLint(ctx.caller, input)),
});
