/** What the agent site's TLS needs: each organisation's names and certificate, and every CA that it believes. */
import type { Db } from "../../db.ts";
import { servingCertificate } from "./serving.ts";

export type AgentSiteMaterial = {
  /** Oldest organisation first. The chain ends in the root: a client that knows only its fingerprint (from a token) finds it there and verifies with it. */
  sites: { organisationId: string; names: string[]; chainPem: string; keyPem: string }[];
  /** One certificate per entry: several in one text are not all read by every version (H3). */
  authoritiesPem: string[];
};

export async function agentSiteMaterial(db: Db): Promise<AgentSiteMaterial> {
  const organisations = await db.organisation.findMany({ orderBy: { createdAt: "asc" }, select: { id: true, agentSiteNames: true } });
  const authorities = await db.certificate.findMany({ where: { purpose: { in: ["root-ca", "issuing-ca"] }, revokedAt: null }, orderBy: { createdAt: "asc" }, select: { organisationId: true, purpose: true, pem: true, isCurrent: true } });
  const sites = [];
  for (const organisation of organisations) {
    const presented = await servingCertificate(db, organisation.id, "agent-site");
    const root = authorities.find((authority) => authority.organisationId === organisation.id && authority.purpose === "root-ca" && authority.isCurrent);
    sites.push({ organisationId: organisation.id, names: organisation.agentSiteNames, chainPem: presented.chainPem + (root?.pem ?? ""), keyPem: presented.keyPem });
  }
  return { sites, authoritiesPem: authorities.map((authority) => authority.pem) };
}
