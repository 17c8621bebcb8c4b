/** Pools: members, how one is chosen, how their health is found out (S2-17, S3-16 to S3-19, S3-60 to S3-70). */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { idReply, versionReply } from "../../../contract/procedures.ts";
import { healthEvents, healthHistory, memberImpact, memberImpactInput, memberSetState, poolCreate, poolDetail, poolList, poolRows, poolShares, poolSharesReply, poolUpdate } from "../../../contract/service-objects.ts";
import { createPool } from "../../services/pool/create.ts";
import { getPool } from "../../services/pool/get.ts";
import { poolHistory } from "../../services/pool/history.ts";
import { poolImpact } from "../../services/pool/impact.ts";
import { listPools } from "../../services/pool/list.ts";
import { memberImpactOf } from "../../services/pool/member-impact.ts";
import { removePool } from "../../services/pool/remove.ts";
import { setMemberState } from "../../services/pool/set-member-state.ts";
import { sharesOf } from "../../services/pool/shares.ts";
import { updatePool } from "../../services/pool/update.ts";
import { administerProcedure, operateProcedure, readProcedure, rest, router } from "../init.ts";

export const poolRouter = router({
  list: readProcedure.meta(rest("GET", "/pools", "pools", "List pools")).input(poolList).output(poolRows).query(({ ctx, input }) => listPools(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/pools/{id}", "pools", "Read a pool with its members, their health and their shares")).input(byId).output(poolDetail).query(({ ctx, input }) => getPool(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/pools", "pools", "Create a pool")).input(poolCreate).output(idReply).mutation(({ ctx, input }) => createPool(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/pools/{id}", "pools", "Change a pool")).input(poolUpdate).output(versionReply).mutation(({ ctx, input }) => updatePool(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/pools/{id}", "pools", "Delete a pool that no service uses")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removePool(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/pools/{id}/impact", "pools", "What deleting a pool would cut off")).input(byId).output(impact).query(({ ctx, input }) => poolImpact(ctx.caller, input)),
  shares: readProcedure.meta(rest("POST", "/pools/shares", "pools", "Expected share of new sessions per member")).input(poolShares).output(poolSharesReply).mutation(({ input }) => sharesOf(input)),
  memberImpact: readProcedure.meta(rest("GET", "/pools/{poolId}/members/{memberId}/impact", "pools", "What changing a member's state would do")).input(memberImpactInput).output(memberImpact).query(({ ctx, input }) => memberImpactOf(ctx.caller, input)),
  setMemberState: operateProcedure.meta(rest("POST", "/pools/{poolId}/members/{memberId}/state", "pools", "Enable, drain or disable a member at once")).input(memberSetState).output(versionReply).mutation(({ ctx, input }) => setMemberState(ctx.caller, input)),
  history: readProcedure.meta(rest("GET", "/pools/{id}/history", "pools", "State changes of a pool's members with their causes")).input(healthHistory).output(healthEvents).query(({ ctx, input }) => poolHistory(ctx.caller, input)),
});
