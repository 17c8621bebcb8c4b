/** Policies: cloud-enabled management settings (S1-50 to S1-60). */
import { z } from "zod";
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { policyCreate, policyDetail, policyGatewayCheck, policyList, policyPreview, policyRows, policyUpdate } from "../../../contract/objects.ts";
import { idReply, policyPreviewInput, policySetEnabled, versionReply } from "../../../contract/procedures.ts";
import { checkPolicy } from "../../services/policy/check.ts";
import { createPolicy } from "../../services/policy/create.ts";
import { getPolicy } from "../../services/policy/get.ts";
import { policyImpact } from "../../services/policy/impact.ts";
import { listPolicies } from "../../services/policy/list.ts";
import { previewPolicy } from "../../services/policy/preview.ts";
import { removePolicy } from "../../services/policy/remove.ts";
import { setPolicyEnabled } from "../../services/policy/set-enabled.ts";
import { updatePolicy } from "../../services/policy/update.ts";
import { administerProcedure, operateProcedure, readProcedure, rest, router } from "../init.ts";

export const policyRouter = router({
  list: readProcedure.meta(rest("GET", "/policies", "policies", "List policies")).input(policyList).output(policyRows).query(({ ctx, input }) => listPolicies(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/policies/{id}", "policies", "Read a policy")).input(byId).output(policyDetail).query(({ ctx, input }) => getPolicy(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/policies", "policies", "Create a policy")).input(policyCreate).output(idReply).mutation(({ ctx, input }) => createPolicy(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/policies/{id}", "policies", "Change a policy")).input(policyUpdate).output(versionReply).mutation(({ ctx, input }) => updatePolicy(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/policies/{id}", "policies", "Delete a policy")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removePolicy(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/policies/{id}/impact", "policies", "What deleting or disabling a policy would cut off")).input(byId).output(impact).query(({ ctx, input }) => policyImpact(ctx.caller, input)),
  preview: readProcedure.meta(rest("POST", "/policies/preview", "policies", "Who would gain and lose access")).input(policyPreviewInput).output(policyPreview).mutation(({ ctx, input }) => previewPolicy(ctx.caller, input)),
  check: operateProcedure.meta(rest("POST", "/policies/{id}/check", "policies", "Check names, ports and pins of a policy's gateways")).input(byId).output(z.array(policyGatewayCheck)).mutation(({ ctx, input }) => checkPolicy(ctx.caller, input)),
  setEnabled: administerProcedure.meta(rest("POST", "/policies/{id}/enabled", "policies", "Switch a policy on or off")).input(policySetEnabled).output(versionReply).mutation(({ ctx, input }) => setPolicyEnabled(ctx.caller, input)),
});
