/** Relays (S4, X4-04 to X4-08) and the picture of the whole organisation. */
import { byId, impact, removeInput } from "../../../contract/list.ts";
import { idReply, versionReply } from "../../../contract/procedures.ts";
import { relayConfirm, relayCreate, relayDetail, relayList, relayPackage, relayRows, relayUpdate, topologyView } from "../../../contract/relay-objects.ts";
import { confirmRelay } from "../../services/relay/confirm.ts";
import { createRelay } from "../../services/relay/create.ts";
import { getRelay } from "../../services/relay/get.ts";
import { relayImpact } from "../../services/relay/impact.ts";
import { listRelays } from "../../services/relay/list.ts";
import { relayPackageOf } from "../../services/relay/package.ts";
import { removeRelay } from "../../services/relay/remove.ts";
import { updateRelay } from "../../services/relay/update.ts";
import { viewTopology } from "../../services/topology/view.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

export const relayRouter = router({
  list: readProcedure.meta(rest("GET", "/relays", "relays", "List relays")).input(relayList).output(relayRows).query(({ ctx, input }) => listRelays(ctx.caller, input)),
  get: readProcedure.meta(rest("GET", "/relays/{id}", "relays", "Read a relay with its nodes and what is wrong with it")).input(byId).output(relayDetail).query(({ ctx, input }) => getRelay(ctx.caller, input)),
  create: administerProcedure.meta(rest("POST", "/relays", "relays", "Register a relay")).input(relayCreate).output(idReply).mutation(({ ctx, input }) => createRelay(ctx.caller, input)),
  update: administerProcedure.meta(rest("PATCH", "/relays/{id}", "relays", "Change a relay")).input(relayUpdate).output(versionReply).mutation(({ ctx, input }) => updateRelay(ctx.caller, input)),
  remove: administerProcedure.meta(rest("DELETE", "/relays/{id}", "relays", "Deregister a relay")).input(removeInput).output(idReply).mutation(({ ctx, input }) => removeRelay(ctx.caller, input)),
  impact: readProcedure.meta(rest("GET", "/relays/{id}/impact", "relays", "Which agents come through a relay now")).input(byId).output(impact).query(({ ctx, input }) => relayImpact(ctx.caller, input)),
  confirm: administerProcedure.meta(rest("POST", "/relays/{id}/confirm", "relays", "Confirm a relay's certificate after comparing it")).input(relayConfirm).output(idReply).mutation(({ ctx, input }) => confirmRelay(ctx.caller, input)),
  package: readProcedure.meta(rest("GET", "/relays/{id}/package", "relays", "The relay's settings file and the commands to run it")).input(byId).output(relayPackage).query(({ ctx, input }) => relayPackageOf(ctx.caller, input)),
});

export const topologyRouter = router({
  view: readProcedure.meta(rest("GET", "/topology", "topology", "Sites, servers, gateways, relays and agents with their states and rates")).output(topologyView).query(({ ctx }) => viewTopology(ctx.caller)),
});
