/** What happened: audit, refusals, overview, search and the live stream. */
import { auditList, auditRows, overview, refusalList, refusalRows, refusalSummary, searchReply } from "../../../contract/objects.ts";
import { auditVerifyReply, searchInput } from "../../../contract/procedures.ts";
import { listAudit } from "../../services/audit/list.ts";
import { verifyAudit } from "../../services/audit/verify.ts";
import { liveChanges } from "../../services/live/changes.ts";
import { viewOverview } from "../../services/overview/view.ts";
import { listRefusals } from "../../services/refusal/list.ts";
import { summariseRefusals } from "../../services/refusal/summary.ts";
import { searchObjects } from "../../services/search/query.ts";
import { readProcedure, rest, router } from "../init.ts";

export const auditRouter = router({
  list: readProcedure.meta(rest("GET", "/audit", "audit", "Who changed what")).input(auditList).output(auditRows).query(({ ctx, input }) => listAudit(ctx.caller, input)),
  verify: readProcedure.meta(rest("GET", "/audit/verify", "audit", "Check the hash chain of the audit")).output(auditVerifyReply).query(({ ctx }) => verifyAudit(ctx.caller)),
});

export const refusalRouter = router({
  list: readProcedure.meta(rest("GET", "/refusals", "refusals", "List refused connections")).input(refusalList).output(refusalRows).query(({ ctx, input }) => listRefusals(ctx.caller, input)),
  summary: readProcedure.meta(rest("GET", "/refusals/summary", "refusals", "Refusals of the last 24 hours by cause")).output(refusalSummary).query(({ ctx }) => summariseRefusals(ctx.caller)),
});

export const overviewRouter = router({
  view: readProcedure.meta(rest("GET", "/overview", "overview", "The whole organisation on one page")).output(overview).query(({ ctx }) => viewOverview(ctx.caller)),
});

export const searchRouter = router({
  query: readProcedure.meta(rest("GET", "/search", "search", "Find objects by name")).input(searchInput).output(searchReply).query(({ ctx, input }) => searchObjects(ctx.caller, input)),
});

export const liveRouter = router({
  /** Which lists and details are stale, as it happens; ends within 5 s when the caller's right does (T34). */
  changes: readProcedure.subscription(({ ctx, signal }) => liveChanges(ctx.caller, { signal })),
});
