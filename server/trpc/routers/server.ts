/** Servers: the management server and site servers (S1-33 to S1-45). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { serverCertificateIssue, serverCreate, serverDetail, serverList, serverReadiness, serverRows, serverUpdate } from "../../../contract/objects.ts";
import { idReply, serverCertificateReply, versionReply } from "../../../contract/procedures.ts";
import { checkServerReadiness } from "../../services/server/check-readiness.ts";
import { createServer } from "../../services/server/create.ts";
import { getServer } from "../../services/server/get.ts";
import { serverImpact } from "../../services/server/impact.ts";
import { issueServerCertificate } from "../../services/server/issue-certificate.ts";
import { listServers } from "../../services/server/list.ts";
import { removeServer } from "../../services/server/remove.ts";
import { updateServer } from "../../services/server/update.ts";
import { administerProcedure, operateProcedure, readProcedure, rest, router } from "../init.ts";

export const serverRouter = router({
  list: readProcedure.meta(rest("GET", "/servers", "servers", "List servers")).input(serverList).output(serverRows).query(({ ctx, input }) => listServers(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/servers/{id}", "servers", "Read a server")).input(byId).output(serverDetail).query(({ ctx, input }) => getServer(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/servers", "servers", "Create a server")).input(serverCreate).output(idReply).mutation(({ ctx, input }) => createServer(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/servers/{id}", "servers", "Change a server")).input(serverUpdate).output(versionReply).mutation(({ ctx, input }) => updateServer(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/servers/{id}", "servers", "Delete a server")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeServer(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/servers/{id}/impact", "servers", "What deleting a server would cut off")).input(byId).output(impact).query(({ ctx, input }) => serverImpact(ctx.caller, input)),
  checkReadiness: operateProcedure.meta(rest("POST", "/servers/{id}/check", "servers", "Check binding and certificate now")).input(byId).output(serverReadiness).mutation(({ ctx, input }) => checkServerReadiness(ctx.caller, input)),
  issueCertificate: administerProcedure.meta(rest("POST", "/servers/{serverId}/certificate", "servers", "Issue a certificate for a server")).input(serverCertificateIssue).output(serverCertificateReply).mutation(({ ctx, input }) => issueServerCertificate(ctx.caller, input)),
});
