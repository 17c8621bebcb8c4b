/** Reverse access: rules, requests for approval, sessions. */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { idReply, versionReply } from "../../../contract/procedures.ts";
import { reachOpen, reachOpenReply, reachRequestCreate, reachRequestDecide, reachRequestList, reachRequestRows, reachRuleCreate, reachRuleDetail, reachRuleList, reachRuleRows, reachRuleSetEnabled, reachRuleUpdate, reachSessionList, reachSessionRow, reachSessionRows } from "../../../contract/reach-objects.ts";
import { createReachRequest } from "../../services/reach-request/create.ts";
import { decideReachRequest } from "../../services/reach-request/decide.ts";
import { listReachRequests } from "../../services/reach-request/list.ts";
import { createReachRule } from "../../services/reach-rule/create.ts";
import { getReachRule } from "../../services/reach-rule/get.ts";
import { reachRuleImpact } from "../../services/reach-rule/impact.ts";
import { listReachRules } from "../../services/reach-rule/list.ts";
import { removeReachRule } from "../../services/reach-rule/remove.ts";
import { setReachRuleEnabled } from "../../services/reach-rule/set-enabled.ts";
import { updateReachRule } from "../../services/reach-rule/update.ts";
import { endReachSession } from "../../services/reach-session/end.ts";
import { getReachSession } from "../../services/reach-session/get.ts";
import { listReachSessions } from "../../services/reach-session/list.ts";
import { openReachSession } from "../../services/reach-session/open.ts";
import { administerProcedure, operateProcedure, readProcedure, rest, router } from "../init.ts";

export const reachRuleRouter = router({
  list: readProcedure.meta(rest("GET", "/reach-rules", "reach-rules", "List reach rules")).input(reachRuleList).output(reachRuleRows).query(({ ctx, input }) => listReachRules(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/reach-rules/{id}", "reach-rules", "Read a reach rule")).input(byId).output(reachRuleDetail).query(({ ctx, input }) => getReachRule(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/reach-rules", "reach-rules", "Create a reach rule: who may reach which services of which agent groups")).input(reachRuleCreate).output(idReply).mutation(({ ctx, input }) => createReachRule(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/reach-rules/{id}", "reach-rules", "Change a reach rule")).input(reachRuleUpdate).output(versionReply).mutation(({ ctx, input }) => updateReachRule(ctx.caller, input)),
  setEnabled: administerProcedure.meta(rest("POST", "/reach-rules/{id}/enabled", "reach-rules", "Switch a reach rule on or off")).input(reachRuleSetEnabled).output(versionReply).mutation(({ ctx, input }) => setReachRuleEnabled(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/reach-rules/{id}", "reach-rules", "Delete a reach rule")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeReachRule(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/reach-rules/{id}/impact", "reach-rules", "What deleting a reach rule would end")).input(byId).output(impact).query(({ ctx, input }) => reachRuleImpact(ctx.caller, input)),
});

export const reachRequestRouter = router({
  list: readProcedure.meta(rest("GET", "/reach-requests", "reach-requests", "List requests for approval")).input(reachRequestList).output(reachRequestRows).query(({ ctx, input }) => listReachRequests(ctx.caller, input)),
  create: operateProcedure.meta(rest("POST", "/reach-requests", "reach-requests", "Ask for approval to reach a service of an agent")).input(reachRequestCreate).output(idReply).mutation(({ ctx, input }) => createReachRequest(ctx.caller, input)),
  decide: operateProcedure.meta(rest("POST", "/reach-requests/{id}/decision", "reach-requests", "Approve or deny a request; the rule says which roles may")).input(reachRequestDecide).output(idReply).mutation(({ ctx, input }) => decideReachRequest(ctx.caller, input)),
});

export const reachSessionRouter = router({
  list: readProcedure.meta(rest("GET", "/reach-sessions", "reach-sessions", "List sessions of reverse access")).input(reachSessionList).output(reachSessionRows).query(({ ctx, input }) => listReachSessions(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/reach-sessions/{id}", "reach-sessions", "Read a session of reverse access")).input(byId).output(reachSessionRow).query(({ ctx, input }) => getReachSession(ctx.caller, input)),
  open: operateProcedure.meta(rest("POST", "/reach-sessions", "reach-sessions", "Open a session to a service of an agent: a grant, and where to take it")).input(reachOpen).output(reachOpenReply).mutation(({ ctx, input }) => openReachSession(ctx.caller, input)),
  end: operateProcedure.meta(rest("POST", "/reach-sessions/{id}/end", "reach-sessions", "End a session at once")).input(byId).output(idReply).mutation(({ ctx, input }) => endReachSession(ctx.caller, input)),
});
