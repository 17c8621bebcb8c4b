/** Agent groups, static and by rule (S1-55). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { agentGroupCreate, agentGroupDetail, agentGroupList, agentGroupPreview, agentGroupPreviewReply, agentGroupRows, agentGroupUpdate } from "../../../contract/objects.ts";
import { groupMemberRows, groupMembers, idReply, versionReply } from "../../../contract/procedures.ts";
import { createAgentGroup } from "../../services/agent-group/create.ts";
import { getAgentGroup } from "../../services/agent-group/get.ts";
import { agentGroupImpact } from "../../services/agent-group/impact.ts";
import { listAgentGroups } from "../../services/agent-group/list.ts";
import { listGroupMembers } from "../../services/agent-group/members.ts";
import { previewAgentGroup } from "../../services/agent-group/preview.ts";
import { removeAgentGroup } from "../../services/agent-group/remove.ts";
import { updateAgentGroup } from "../../services/agent-group/update.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

export const agentGroupRouter = router({
  list: readProcedure.meta(rest("GET", "/agent-groups", "agent-groups", "List agent groups")).input(agentGroupList).output(agentGroupRows).query(({ ctx, input }) => listAgentGroups(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/agent-groups/{id}", "agent-groups", "Read an agent group")).input(byId).output(agentGroupDetail).query(({ ctx, input }) => getAgentGroup(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/agent-groups", "agent-groups", "Create an agent group")).input(agentGroupCreate).output(idReply).mutation(({ ctx, input }) => createAgentGroup(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/agent-groups/{id}", "agent-groups", "Change an agent group")).input(agentGroupUpdate).output(versionReply).mutation(({ ctx, input }) => updateAgentGroup(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/agent-groups/{id}", "agent-groups", "Delete an agent group")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeAgentGroup(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/agent-groups/{id}/impact", "agent-groups", "What deleting a group would cut off")).input(byId).output(impact).query(({ ctx, input }) => agentGroupImpact(ctx.caller, input)),
  preview: readProcedure.meta(rest("POST", "/agent-groups/preview", "agent-groups", "Which agents a rule would match now")).input(agentGroupPreview).output(agentGroupPreviewReply).mutation(({ ctx, input }) => previewAgentGroup(ctx.caller, input)),
  members: readProcedure.meta(rest("GET", "/agent-groups/{id}/members", "agent-groups", "List a group's members")).input(groupMembers).output(groupMemberRows).query(({ ctx, input }) => listGroupMembers(ctx.caller, input)),
});
