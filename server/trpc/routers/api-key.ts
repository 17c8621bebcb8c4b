/** API keys: bound to the organisation, with a role and an end; shown once. */
import { byId } from "../../../contract/list.ts";
import { apiKeyCreate, apiKeyList, apiKeyReply, apiKeyRows } from "../../../contract/objects.ts";
import { idReply } from "../../../contract/procedures.ts";
import { apiKeyCertificateIssue, apiKeyCertificateReply } from "../../../contract/reach-objects.ts";
import { createApiKey } from "../../services/api-key/create.ts";
import { issueApiKeyCertificate } from "../../services/api-key/issue-certificate.ts";
import { listApiKeys } from "../../services/api-key/list.ts";
import { revokeApiKey } from "../../services/api-key/revoke.ts";
import { ownProcedure, rest, router } from "../init.ts";

export const apiKeyRouter = router({
  list: ownProcedure.meta(rest("GET", "/api-keys", "api-keys", "List API keys")).input(apiKeyList).output(apiKeyRows).query(({ ctx, input }) => listApiKeys(ctx.caller, input)),
  create: ownProcedure.meta(rest("POST", "/api-keys", "api-keys", "Create an API key; the reply holds it, once")).input(apiKeyCreate).output(apiKeyReply).mutation(({ ctx, input }) => createApiKey(ctx.caller, input)),
  issueCertificate: ownProcedure.meta(rest("POST", "/api-keys/{id}/certificate", "api-keys", "Issue a client certificate for an API key, for mutual TLS at inside listeners")).input(apiKeyCertificateIssue).output(apiKeyCertificateReply).mutation(({ ctx, input }) => issueApiKeyCertificate(ctx.caller, input)),
  revoke: ownProcedure.meta(rest("POST", "/api-keys/{id}/revoke", "api-keys", "Revoke an API key at once")).input(byId).output(idReply).mutation(async ({ ctx, input }) => {
    await revokeApiKey(ctx.caller, input);
    return { id: input.id };
  }),
});
