/** The organisation with its settings, as the settings page and the CLI show it. */
import type { z } from "zod";
import type { organisationView } from "../../../contract/objects.ts";
import { softwareVersion } from "../../version.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { readAgentSite } from "./agent-site-settings.ts";

export async function viewOrganisation(caller: Caller): Promise<z.infer<typeof organisationView>> {
  const { organisationId } = caller;
  const [row, anchors, agentSite] = await Promise.all([
    caller.db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { id: true, name: true, trustDomain: true, siteServerPort: true, siteServerInstall: true, approvesAgents: true } }),
    trustAnchors(caller.db, organisationId),
    readAgentSite(caller.db, organisationId),
  ]);
  return {
    id: row.id, name: row.name, trustDomain: row.trustDomain,
    caFingerprint: anchors.caFingerprint, caPem: anchors.caPem, agentSite,
    siteServers: { port: row.siteServerPort, installCertificate: row.siteServerInstall },
    approvesAgents: row.approvesAgents,
    role: caller.role, version: softwareVersion,
  };
}
