/** Reads the agent site's settings. `certificateId` is an imported certificate that somebody chose, or null: then the organisation's CA issues one by itself. */
import type { z } from "zod";
import type { agentSiteSettings } from "../../../contract/objects.ts";
import type { Db, Tx } from "../../db.ts";

export type AgentSiteSettings = z.infer<typeof agentSiteSettings>;

export async function readAgentSite(reader: Db | Tx, organisationId: string): Promise<AgentSiteSettings> {
  const row = await reader.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { agentSiteName: true, agentSiteNames: true, agentSitePort: true, agentSiteCertificateId: true } });
  const id = row.agentSiteCertificateId;
  const chosen = id === null ? null : await reader.certificate.findFirst({ where: { id, organisationId, purpose: "imported" }, select: { id: true } });
  return { name: row.agentSiteName, names: row.agentSiteNames, port: row.agentSitePort, certificateId: chosen?.id ?? null };
}
