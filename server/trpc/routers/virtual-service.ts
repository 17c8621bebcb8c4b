/** Virtual services: what clients connect to, one object with one switch for its mode (S2, S3). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { idReply, versionReply } from "../../../contract/procedures.ts";
import { serviceCreate, serviceDetail, serviceList, serviceRows, serviceSetEnabled, serviceStats, serviceUpdate } from "../../../contract/service-objects.ts";
import { createService } from "../../services/virtual-service/create.ts";
import { getService } from "../../services/virtual-service/get.ts";
import { serviceImpact } from "../../services/virtual-service/impact.ts";
import { listServices } from "../../services/virtual-service/list.ts";
import { removeService } from "../../services/virtual-service/remove.ts";
import { setServiceEnabled } from "../../services/virtual-service/set-enabled.ts";
import { serviceStatsOf } from "../../services/virtual-service/stats.ts";
import { updateService } from "../../services/virtual-service/update.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

const tag = "virtual-services";

export const virtualServiceRouter = router({
  list: readProcedure.meta(rest("GET", "/virtual-services", tag, "List virtual services")).input(serviceList).output(serviceRows).query(({ ctx, input }) => listServices(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/virtual-services/{id}", tag, "Read a virtual service with its pool")).input(byId).output(serviceDetail).query(({ ctx, input }) => getService(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/virtual-services", tag, "Create a virtual service, with its pool if one is described")).input(serviceCreate).output(idReply).mutation(({ ctx, input }) => createService(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/virtual-services/{id}", tag, "Change a virtual service")).input(serviceUpdate).output(versionReply).mutation(({ ctx, input }) => updateService(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/virtual-services/{id}", tag, "Delete a virtual service")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeService(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/virtual-services/{id}/impact", tag, "What deleting or disabling a virtual service would cut off")).input(byId).output(impact).query(({ ctx, input }) => serviceImpact(ctx.caller, input)),
  setEnabled: administerProcedure.meta(rest("POST", "/virtual-services/{id}/enabled", tag, "Switch a virtual service on or off")).input(serviceSetEnabled).output(versionReply).mutation(({ ctx, input }) => setServiceEnabled(ctx.caller, input)),
  stats: readProcedure.meta(rest("GET", "/virtual-services/{id}/stats", tag, "Connections, requests and bytes of a virtual service")).input(byId).output(serviceStats).query(({ ctx, input }) => serviceStatsOf(ctx.caller, input)),
});
