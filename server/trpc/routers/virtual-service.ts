/** Virtual services: what clients connect to, one object with one switch for its mode (S2, S3). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { idReply, versionReply } from "../../../contract/procedures.ts";
import { memberCertificates, memberCertificatesInput, presetInput, presetReply, presetRows, serviceCreate, serviceDetail, serviceList, serviceNameTarget, servicePlan, servicePlanInput, serviceRows, serviceSetEnabled, serviceStats, serviceUpdate, sheetInput, sheetReply } from "../../../contract/service-objects.ts";
import { memberCertificatesOf } from "../../services/plan/member-certificates.ts";
import { planService } from "../../services/plan/plan.ts";
import { fillPreset } from "../../services/preset/fill.ts";
import { listPresets } from "../../services/preset/list.ts";
import { serviceSheet } from "../../services/sheet/service.ts";
import { createService } from "../../services/virtual-service/create.ts";
import { getService } from "../../services/virtual-service/get.ts";
import { serviceImpact } from "../../services/virtual-service/impact.ts";
import { listServices } from "../../services/virtual-service/list.ts";
import { nameTargetOf } from "../../services/virtual-service/name-target.ts";
import { removeService } from "../../services/virtual-service/remove.ts";
import { setServiceEnabled } from "../../services/virtual-service/set-enabled.ts";
import { serviceStatsOf } from "../../services/virtual-service/stats.ts";
import { updateService } from "../../services/virtual-service/update.ts";
import { administerProcedure, operateProcedure, readProcedure, rest, router } from "../init.ts";

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
  nameTarget: operateProcedure.meta(rest("GET", "/virtual-services/{id}/name-target", tag, "Where the clients' name leads, and the DNS change that leads it elsewhere")).input(byId).output(serviceNameTarget).query(({ ctx, input }) => nameTargetOf(ctx.caller, input)),
  plan: readProcedure.meta(rest("POST", "/virtual-services/plan", tag, "Judge a virtual service before it is saved: findings, name warnings, shares")).input(servicePlanInput).output(servicePlan).mutation(({ ctx, input }) => planService(ctx.caller, input)),
  memberCertificates: operateProcedure.meta(rest("POST", "/virtual-services/member-certificates", tag, "Look at the certificates that members present now")).input(memberCertificatesInput).output(memberCertificates).mutation(({ ctx, input }) => memberCertificatesOf(ctx.caller, input)),
  presets: readProcedure.meta(rest("GET", "/virtual-services/presets", tag, "List presets")).output(presetRows).query(({ ctx }) => listPresets(ctx.caller)),
  preset: readProcedure.meta(rest("POST", "/virtual-services/preset", tag, "Fill the form of a virtual service from a preset")).input(presetInput).output(presetReply).mutation(({ ctx, input }) => fillPreset(ctx.caller, input)),
  sheet: readProcedure.meta(rest("GET", "/virtual-services/{id}/sheet", tag, "Settings sheet of a virtual service, neutral or for another balancer")).input(sheetInput).output(sheetReply).query(({ ctx, input }) => serviceSheet(ctx.caller, input)),
});
