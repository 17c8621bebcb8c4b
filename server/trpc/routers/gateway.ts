/** Gateways: their desired state, package, certificate and logs (S1-22 to S1-32). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { gatewayCreate, gatewayDetail, gatewayList, gatewayPackageReply, gatewayRows, gatewayUpdate } from "../../../contract/objects.ts";
import { gatewayLogRows, idReply, logsInput, versionReply } from "../../../contract/procedures.ts";
import { gatewaySheetInput, sheetReply } from "../../../contract/service-objects.ts";
import { createGateway } from "../../services/gateway/create.ts";
import { getGateway } from "../../services/gateway/get.ts";
import { gatewayImpact } from "../../services/gateway/impact.ts";
import { listGateways } from "../../services/gateway/list.ts";
import { gatewayLogs } from "../../services/gateway/logs.ts";
import { createGatewayPackage } from "../../services/gateway/package.ts";
import { removeGateway } from "../../services/gateway/remove.ts";
import { renewGatewayCertificate } from "../../services/gateway/renew-certificate.ts";
import { updateGateway } from "../../services/gateway/update.ts";
import { gatewaySheet } from "../../services/sheet/gateway.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

export const gatewayRouter = router({
  list: readProcedure.meta(rest("GET", "/gateways", "gateways", "List gateways")).input(gatewayList).output(gatewayRows).query(({ ctx, input }) => listGateways(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/gateways/{id}", "gateways", "Read a gateway")).input(byId).output(gatewayDetail).query(({ ctx, input }) => getGateway(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/gateways", "gateways", "Create a gateway")).input(gatewayCreate).output(idReply).mutation(({ ctx, input }) => createGateway(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/gateways/{id}", "gateways", "Change a gateway")).input(gatewayUpdate).output(versionReply).mutation(({ ctx, input }) => updateGateway(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/gateways/{id}", "gateways", "Delete a gateway")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeGateway(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/gateways/{id}/impact", "gateways", "What deleting a gateway would cut off")).input(byId).output(impact).query(({ ctx, input }) => gatewayImpact(ctx.caller, input)),
  package: administerProcedure.meta(rest("POST", "/gateways/{id}/package", "gateways", "Make the installation package and its token")).input(byId).output(gatewayPackageReply).mutation(({ ctx, input }) => createGatewayPackage(ctx.caller, input)),
  renewCertificate: administerProcedure.meta(rest("POST", "/gateways/{id}/renew-certificate", "gateways", "Let the gateway make a new listener certificate")).input(byId).output(versionReply).mutation(({ ctx, input }) => renewGatewayCertificate(ctx.caller, input)),
  logs: readProcedure.meta(rest("GET", "/gateways/{id}/logs", "gateways", "Log lines the gateway forwarded")).input(logsInput).output(gatewayLogRows).query(({ ctx, input }) => gatewayLogs(ctx.caller, input)),
  sheet: readProcedure.meta(rest("GET", "/gateways/{id}/sheet", "gateways", "Recipe for the load balancer in front of a gateway")).input(gatewaySheetInput).output(sheetReply).query(({ ctx, input }) => gatewaySheet(ctx.caller, input)),
});
