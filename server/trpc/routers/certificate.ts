/** Certificates: what was issued and imported (S1-13, S1-14, S1-30). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { certificateDetail, certificateImport, certificateIssueForService, certificateList, certificateRows } from "../../../contract/objects.ts";
import { idReply } from "../../../contract/procedures.ts";
import { getCertificate } from "../../services/certificate/get.ts";
import { certificateImpact } from "../../services/certificate/impact.ts";
import { importCertificate } from "../../services/certificate/import.ts";
import { issueForService } from "../../services/certificate/issue-for-service.ts";
import { listCertificates } from "../../services/certificate/list.ts";
import { removeCertificate } from "../../services/certificate/remove.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

export const certificateRouter = router({
  list: readProcedure.meta(rest("GET", "/certificates", "certificates", "List certificates")).input(certificateList).output(certificateRows).query(({ ctx, input }) => listCertificates(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/certificates/{id}", "certificates", "Read a certificate")).input(byId).output(certificateDetail).query(({ ctx, input }) => getCertificate(ctx.caller, input)),
  import: administerProcedure.meta(rest("POST", "/certificates", "certificates", "Import a third party's certificate with its key")).input(certificateImport).output(idReply).mutation(({ ctx, input }) => importCertificate(ctx.caller, input)),
  issueForService: administerProcedure.meta(rest("POST", "/certificates/issue", "certificates", "Issue a certificate of the organisation's CA, with its key, for virtual services")).input(certificateIssueForService).output(idReply).mutation(({ ctx, input }) => issueForService(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/certificates/{id}", "certificates", "Delete an imported certificate")).input(removeInput).output(idReply).mutation(async ({ ctx, input }) => {
    await removeCertificate(ctx.caller, input);
    return { id: input.id };
  }),
  impact: readProcedure.meta(rest("GET", "/certificates/{id}/impact", "certificates", "What deleting a certificate would cut off")).input(byId).output(impact).query(({ ctx, input }) => certificateImpact(ctx.caller, input)),
});
