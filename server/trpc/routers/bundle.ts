/** Offline bundles (S1-57 to S1-59). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { bundleCreate, bundleDetail, bundleList, bundleRows, downloadReply } from "../../../contract/objects.ts";
import { idReply } from "../../../contract/procedures.ts";
import { createBundle } from "../../services/bundle/create.ts";
import { createBundleDownload } from "../../services/bundle/create-download.ts";
import { getBundle } from "../../services/bundle/get.ts";
import { bundleImpact } from "../../services/bundle/impact.ts";
import { listBundles } from "../../services/bundle/list.ts";
import { removeBundle } from "../../services/bundle/remove.ts";
import { revokeBundle } from "../../services/bundle/revoke.ts";
import { operateProcedure, readProcedure, rest, router } from "../init.ts";

export const bundleRouter = router({
  list: readProcedure.meta(rest("GET", "/bundles", "bundles", "List offline bundles")).input(bundleList).output(bundleRows).query(({ ctx, input }) => listBundles(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/bundles/{id}", "bundles", "Read an offline bundle")).input(byId).output(bundleDetail).query(({ ctx, input }) => getBundle(ctx.caller, input)),
  create: operateProcedure.meta(rest("POST", "/bundles", "bundles", "Create an offline bundle")).input(bundleCreate).output(idReply).mutation(({ ctx, input }) => createBundle(ctx.caller, input)),
  revoke: operateProcedure.meta(rest("POST", "/bundles/{id}/revoke", "bundles", "Revoke a bundle")).input(byId).output(idReply).mutation(async ({ ctx, input }) => {
    await revokeBundle(ctx.caller, input);
    return { id: input.id };
  }),
  remove: operateProcedure.meta(rest("DELETE", "/bundles/{id}", "bundles", "Delete a bundle")).input(removeInput).output(idReply).mutation(async ({ ctx, input }) => {
    await removeBundle(ctx.caller, input);
    return { id: input.id };
  }),
  impact: readProcedure.meta(rest("GET", "/bundles/{id}/impact", "bundles", "What deleting a bundle would cut off")).input(byId).output(impact).query(({ ctx, input }) => bundleImpact(ctx.caller, input)),
  download: operateProcedure.meta(rest("POST", "/bundles/{id}/download", "bundles", "Make a download link: one use, 15 minutes")).input(byId).output(downloadReply).mutation(({ ctx, input }) => createBundleDownload(ctx.caller, input)),
});
