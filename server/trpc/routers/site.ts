/** Sites: intranet (subnets) and internet (S1-33, S1-41). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { siteCreate, siteDetail, siteList, siteRows, siteUpdate } from "../../../contract/objects.ts";
import { idReply, versionReply } from "../../../contract/procedures.ts";
import { createSite } from "../../services/site/create.ts";
import { getSite } from "../../services/site/get.ts";
import { siteImpact } from "../../services/site/impact.ts";
import { listSites } from "../../services/site/list.ts";
import { removeSite } from "../../services/site/remove.ts";
import { updateSite } from "../../services/site/update.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

export const siteRouter = router({
  list: readProcedure.meta(rest("GET", "/sites", "sites", "List sites")).input(siteList).output(siteRows).query(({ ctx, input }) => listSites(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/sites/{id}", "sites", "Read a site")).input(byId).output(siteDetail).query(({ ctx, input }) => getSite(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/sites", "sites", "Create a site")).input(siteCreate).output(idReply).mutation(({ ctx, input }) => createSite(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/sites/{id}", "sites", "Change a site")).input(siteUpdate).output(versionReply).mutation(({ ctx, input }) => updateSite(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/sites/{id}", "sites", "Delete a site")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeSite(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/sites/{id}/impact", "sites", "What deleting a site would cut off")).input(byId).output(impact).query(({ ctx, input }) => siteImpact(ctx.caller, input)),
});
