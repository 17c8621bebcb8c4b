/** Agents: state, groups, revocation, tokens (S1-56, S1-63). */
import { byId, impact } from "../../../contract/list.ts";
import { agentDetail, agentList, agentRows, agentTokenCreate, agentUpdate, tokenReply } from "../../../contract/objects.ts";
import { agentLogRows, agentRemove, agentRevoke, agentRevokeMany, agentSetGroups, countReply, idReply, logsInput, versionReply } from "../../../contract/procedures.ts";
import { agentCollisions, agentReachView } from "../../../contract/reach-objects.ts";
import { approveAgent } from "../../services/agent/approve.ts";
import { agentCollisionsOf } from "../../services/agent/collisions.ts";
import { createAgentToken } from "../../services/agent/create-token.ts";
import { getAgent } from "../../services/agent/get.ts";
import { agentImpact } from "../../services/agent/impact.ts";
import { listAgents } from "../../services/agent/list.ts";
import { agentLogs } from "../../services/agent/logs.ts";
import { agentReach } from "../../services/agent/reach-view.ts";
import { removeAgent } from "../../services/agent/remove.ts";
import { revokeAgent, revokeAgents } from "../../services/agent/revoke.ts";
import { setAgentGroups } from "../../services/agent/set-groups.ts";
import { updateAgent } from "../../services/agent/update.ts";
import { operateProcedure, readProcedure, rest, router } from "../init.ts";

export const agentRouter = router({
  list: readProcedure.meta(rest("GET", "/agents", "agents", "List agents")).input(agentList).output(agentRows).query(({ ctx, input }) => listAgents(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/agents/{id}", "agents", "Read an agent")).input(byId).output(agentDetail).query(({ ctx, input }) => getAgent(ctx.caller, input)),
  update: operateProcedure.meta(rest("PATCH", "/agents/{id}", "agents", "Change an agent's note and static groups")).input(agentUpdate).output(versionReply).mutation(({ ctx, input }) => updateAgent(ctx.caller, input)),
  remove: operateProcedure.meta(rest("DELETE", "/agents/{id}", "agents", "Delete an agent")).input(agentRemove).output(idReply).mutation(({ ctx, input }) => removeAgent(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/agents/{id}/impact", "agents", "What revoking or deleting an agent would cut off")).input(byId).output(impact).query(({ ctx, input }) => agentImpact(ctx.caller, input)),
  revoke: operateProcedure.meta(rest("POST", "/agents/{id}/revoke", "agents", "Revoke an agent's access")).input(agentRevoke).output(idReply).mutation(({ ctx, input }) => revokeAgent(ctx.caller, input)),
  revokeMany: operateProcedure.meta(rest("POST", "/agents/revoke", "agents", "Revoke the access of several agents")).input(agentRevokeMany).output(countReply).mutation(({ ctx, input }) => revokeAgents(ctx.caller, input)),
  approve: operateProcedure.meta(rest("POST", "/agents/{id}/approve", "agents", "Approve an agent that waits after its enrolment")).input(byId).output(idReply).mutation(({ ctx, input }) => approveAgent(ctx.caller, input)),
  collisions: readProcedure.meta(rest("GET", "/agents/collisions", "agents", "Agents that share a host name, an address or a source")).output(agentCollisions).query(({ ctx }) => agentCollisionsOf(ctx.caller)),
  reach: readProcedure.meta(rest("GET", "/agents/{id}/reach", "agents", "What you can reach on an agent, with ready commands")).input(byId).output(agentReachView).query(({ ctx, input }) => agentReach(ctx.caller, input)),
  setGroups: operateProcedure.meta(rest("POST", "/agents/groups", "agents", "Add agents to static groups or take them out")).input(agentSetGroups).output(countReply).mutation(({ ctx, input }) => setAgentGroups(ctx.caller, input)),
  createToken: operateProcedure.meta(rest("POST", "/agents/tokens", "agents", "Make an enrolment token")).input(agentTokenCreate).output(tokenReply).mutation(({ ctx, input }) => createAgentToken(ctx.caller, input)),
  logs: readProcedure.meta(rest("GET", "/agents/{id}/logs", "agents", "Log lines the agent uploaded")).input(logsInput).output(agentLogRows).query(({ ctx, input }) => agentLogs(ctx.caller, input)),
});
