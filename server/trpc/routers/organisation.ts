/** The organisation's settings and the switcher (S1-09, S1-21, S1-36). */
import { byId } from "../../../contract/list.ts";
import { agentSiteSettings, organisationSettings, organisationView, siteServerSettings } from "../../../contract/objects.ts";
import { doneReply, idReply, myOrganisations } from "../../../contract/procedures.ts";
import { listMyOrganisations } from "../../services/organisation/mine.ts";
import { switchOrganisation } from "../../services/organisation/switch.ts";
import { updateOrganisation } from "../../services/organisation/update.ts";
import { updateAgentSite } from "../../services/organisation/update-agent-site.ts";
import { updateSiteServers } from "../../services/organisation/update-site-servers.ts";
import { viewOrganisation } from "../../services/organisation/view.ts";
import { administerProcedure, readProcedure, rest, router } from "../init.ts";

const done = { isDone: true } as const;

export const organisationRouter = router({
  view: readProcedure.meta(rest("GET", "/organisation", "organisation", "The organisation and its settings")).output(organisationView).query(({ ctx }) => viewOrganisation(ctx.caller)),
  update: administerProcedure.meta(rest("PATCH", "/organisation", "organisation", "Rename the organisation")).input(organisationSettings).output(doneReply).mutation(async ({ ctx, input }) => {
    await updateOrganisation(ctx.caller, input);
    return done;
  }),
  updateAgentSite: administerProcedure.meta(rest("PUT", "/organisation/agent-site", "organisation", "Agent site: name, names, port, certificate")).input(agentSiteSettings).output(doneReply).mutation(async ({ ctx, input }) => {
    await updateAgentSite(ctx.caller, input);
    return done;
  }),
  updateSiteServers: administerProcedure.meta(rest("PUT", "/organisation/site-servers", "organisation", "Defaults of new site servers")).input(siteServerSettings).output(doneReply).mutation(async ({ ctx, input }) => {
    await updateSiteServers(ctx.caller, input);
    return done;
  }),
  mine: readProcedure.meta(rest("GET", "/organisations", "organisation", "Organisations you belong to")).output(myOrganisations).query(({ ctx }) => listMyOrganisations(ctx.caller)),
  switchTo: readProcedure.meta(rest("POST", "/organisations/{id}/switch", "organisation", "Work in another of your organisations")).input(byId).output(idReply).mutation(async ({ ctx, input }) => {
    await switchOrganisation(ctx.caller, input);
    return { id: input.id };
  }),
});
