/** What the agent site presents and whom it trusts, read from the database and read again when it changes. */
import { createHash } from "node:crypto";
import tls from "node:tls";
import type { Db } from "../db.ts";
import { type AgentSiteMaterial, agentSiteMaterial } from "../services/certificate/agent-site-material.ts";

export type SiteTrust = {
  /** Changes exactly when any of the rest does. */
  tag: string;
  /** For names that no organisation claims, and for clients without SNI. */
  default: tls.SecureContextOptions;
  byName: Map<string, { organisationId: string; context: tls.SecureContext }>;
  defaultOrganisationId: string;
};

/** TLS settings common to all names: 1.2 and 1.3, ECDHE with AEAD only (H11), no tickets, so that every connection proves its certificate anew (H5). */
export const tlsOptions = {
  minVersion: "TLSv1.2",
  ciphers: "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
  honorCipherOrder: true,
} as const satisfies tls.SecureContextOptions;

/** Reads all organisations' agent-site certificates and CAs. Throws a sentence when there is none: bootstrap makes the first. */
export async function readTrust(db: Db): Promise<SiteTrust> {
  const { sites, authoritiesPem: ca } = await agentSiteMaterial(db);
  const optionsOf = (site: AgentSiteMaterial["sites"][number]) => ({ ...tlsOptions, cert: site.chainPem, key: site.keyPem, ca }) satisfies tls.SecureContextOptions;
  const [first] = sites;
  if (!first) throw new Error("There is no organisation yet; start the console once so that it makes one.");
  const byName = new Map(sites.flatMap((site) => site.names.map((name) => [name.toLowerCase(), { organisationId: site.organisationId, context: tls.createSecureContext(optionsOf(site)) }] as const)));
  const tag = createHash("sha256").update(JSON.stringify(sites.map((site) => [site.organisationId, site.names, site.chainPem, ca]))).digest("hex");
  return { tag, default: optionsOf(first), byName, defaultOrganisationId: first.organisationId };
}
