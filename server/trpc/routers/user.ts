/** People: members, invitations, one's own password and sessions. */
import { impact } from "../../../contract/list.ts";
import { passwordChange, sessionRows, userById, userInvite, userInviteReply, userList, userMe, userRows, userUpdate } from "../../../contract/objects.ts";
import { idReply } from "../../../contract/procedures.ts";
import { inviteUser } from "../../services/invite/create.ts";
import { changePassword } from "../../services/user/change-password.ts";
import { listUsers } from "../../services/user/list.ts";
import { endSession, listSessions, whoAmI } from "../../services/user/me.ts";
import { removeUser, userImpact } from "../../services/user/remove.ts";
import { updateUser } from "../../services/user/update.ts";
import { ownProcedure, readProcedure, rest, router } from "../init.ts";

export const userRouter = router({
  me: readProcedure.meta(rest("GET", "/users/me", "users", "Who am I")).output(userMe).query(({ ctx }) => whoAmI(ctx.caller)),
  list: readProcedure.meta(rest("GET", "/users", "users", "List users and open invitations")).input(userList).output(userRows).query(({ ctx, input }) => listUsers(ctx.caller, input)),
  invite: ownProcedure.meta(rest("POST", "/users", "users", "Invite a user; the reply holds the one-time link")).input(userInvite).output(userInviteReply).mutation(({ ctx, input }) => inviteUser(ctx.caller, input)),
  update: ownProcedure.meta(rest("PATCH", "/users/{id}", "users", "Change a user's role")).input(userUpdate).output(idReply).mutation(async ({ ctx, input }) => {
    await updateUser(ctx.caller, input);
    return { id: input.id };
  }),
  remove: ownProcedure.meta(rest("DELETE", "/users/{id}", "users", "Remove a user, or withdraw an invitation")).input(userById).output(idReply).mutation(async ({ ctx, input }) => {
    await removeUser(ctx.caller, input);
    return { id: input.id };
  }),
  impact: readProcedure.meta(rest("GET", "/users/{id}/impact", "users", "What removing a user means")).input(userById).output(impact).query(({ ctx, input }) => userImpact(ctx.caller, input)),
  changePassword: readProcedure.meta(rest("POST", "/users/me/password", "users", "Change one's own password (sessions only)")).input(passwordChange).output(idReply).mutation(async ({ ctx, input }) => {
    await changePassword(ctx.caller, input);
    return { id: ctx.caller.actor.id };
  }),
  sessions: readProcedure.meta(rest("GET", "/users/me/sessions", "users", "List one's own sessions")).output(sessionRows).query(({ ctx }) => listSessions(ctx.caller)),
  endSession: readProcedure.meta(rest("DELETE", "/users/me/sessions/{id}", "users", "End one of one's own sessions")).input(userById).output(idReply).mutation(async ({ ctx, input }) => {
    await endSession(ctx.caller, input);
    return { id: input.id };
  }),
});
